"""In which order a data set is shown, and which images are mirrored: a function of seed and images seen."""

from typing import NamedTuple

import torch
from torch import Tensor

from ddpm.randomness import generator


class Showings(NamedTuple):
    """Which images are shown, int64 [B] on the CPU, and which of them mirrored, bool [B]; None: none is."""

    positions: Tensor
    mirrored: Tensor | None


class ShuffledOrder:
    """An endless shuffled order of N images.

    Each epoch is a permutation of the N images that depends on nothing but the seed and the epoch's number,
    and one epoch follows the other without a gap. So a resumed run goes on where it was, batches may be
    larger than the data set, and no image is left out. Where ``flip`` is on, every showing is mirrored with
    probability 1/2, by coins of the same kind.
    """

    def __init__(self, n: int, seed: int, *, flip: bool = False) -> None:
        self.n = n
        self.flip = flip
        self._seed = seed
        self._epochs: dict[int, Showings] = {}

    def showings(self, images_seen: int, batch_size: int) -> Showings:
        """The ``batch_size`` showings that follow the first ``images_seen``."""
        end = images_seen + batch_size
        numbers = range(images_seen // self.n, (end - 1) // self.n + 1)
        self._epochs = {number: self._epochs.get(number) or self._epoch(number) for number in numbers}
        parts = [
            _between(self._epochs[number], max(0, images_seen - number * self.n), end - number * self.n)
            for number in numbers
        ]
        mirrored = [part.mirrored for part in parts if part.mirrored is not None]
        return Showings(
            torch.cat([part.positions for part in parts]), torch.cat(mirrored) if mirrored else None
        )

    def _epoch(self, number: int) -> Showings:
        # Drawn on the CPU, so that the order is the same on every device.
        positions = torch.randperm(self.n, generator=generator(self._seed, "order", number))
        if not self.flip:
            return Showings(positions, None)
        coins = torch.randint(2, (self.n,), generator=generator(self._seed, "flip", number))
        return Showings(positions, coins.bool())


def _between(epoch: Showings, start: int, end: int) -> Showings:
    mirrored = None if epoch.mirrored is None else epoch.mirrored[start:end]
    return Showings(epoch.positions[start:end], mirrored)
