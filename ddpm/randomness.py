"""Randomness that is counted, not stored.

Every draw comes from a generator seeded by what it is for and by how far the run is. A resumed run therefore
draws what the uninterrupted run would have drawn, with no generator state in the checkpoint. The idea is that of
EDM2's training loop (Karras et al. 2024), which seeds from (seed, rank, images).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ddpm.seeds import derived_seed

__all__ = ["SampleNoise", "derived_seed", "generator"]


def generator(
    seed: int, purpose: str, count: int, device: torch.device | str = "cpu", *, rank: int = 0
) -> torch.Generator:
    """A generator on ``device`` for one purpose ("noise", "order" ...) at one count (step, epoch ...)."""
    return torch.Generator(device).manual_seed(derived_seed(seed, purpose, count, rank))


class SampleNoise:
    """Gaussian noise with a stream of its own for every image of a drawing.

    Image ``i`` of seed ``s`` gets the same noise in whatever batch it is drawn. The numbers come from the CPU, so
    that they are the same for every device. Each call of ``draw`` gives the next [B, C, H, W] of the streams.
    """

    def __init__(
        self, seed: int, indices: Sequence[int], shape: tuple[int, int, int], device: torch.device
    ) -> None:
        self._generators = [generator(seed, "sample", index) for index in indices]
        self._shape = shape
        self._device = device

    def draw(self) -> Tensor:
        """Standard normal noise [B, C, H, W], float32, on the device."""
        return torch.stack([torch.randn(self._shape, generator=g) for g in self._generators]).to(self._device)
