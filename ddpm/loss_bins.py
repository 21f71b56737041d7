"""The loss of a batch by where its timesteps lie: what a network still has to learn, and at which noise."""

import math
from collections.abc import Sequence

LOSS_BINS = 8


def bin_means(sums: Sequence[float], counts: Sequence[int]) -> list[float | None]:
    """The mean of each bin; None where nothing fell into it."""
    return [total / count if count else None for total, count in zip(sums, counts, strict=True)]


def bin_sums(losses: Sequence[float], t: Sequence[float], T: int) -> tuple[list[float], list[int]]:
    """The sum and the number of the losses in each of LOSS_BINS equal parts of 0 ... T - 1.

    ``losses`` [B] are those of the images, as they are trained on, and ``t`` [B] their timesteps. A loss that is no
    number is left out. Plain additions in the order of the batch, so that the same batch gives the same bits.
    """
    sums, counts = [0.0] * LOSS_BINS, [0] * LOSS_BINS
    for loss, at in zip(losses, t, strict=True):
        if math.isfinite(loss):
            index = int(at) * LOSS_BINS // T
            sums[index] += loss
            counts[index] += 1
    return sums, counts
