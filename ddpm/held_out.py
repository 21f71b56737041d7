"""The loss on images that a network is never trained on, measured in the same way all through a run."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddpm.config import Config
from ddpm.data import to_unit
from ddpm.device import is_out_of_memory
from ddpm.draws import Draws
from ddpm.microbatches import release_memory
from ddpm.randomness import SampleNoise, derived_seed, generator
from ddpm.sources.imageset import ImageSet

# So many images tell the losses of two steps apart, as each has the same t and noise in both, and cost little.
MOST_IMAGES = 256


def measured_positions(n: int, seed: int) -> NDArray[np.int64]:
    """Which of n images that are held out the loss is measured on, in rising order: all, or 256 of any class."""
    order = torch.randperm(n, generator=generator(seed, "held-out images", 0))
    return np.asarray(order[:MOST_IMAGES].sort().values.numpy())


class HeldOut:
    """Images with a timestep and noise for each of them, which follow from the seed alone and never change."""

    def __init__(self, config: Config, image_set: ImageSet, device: torch.device) -> None:
        """``image_set``: all images that are measured, already on their own."""
        seed = config.train.seed
        told = config.num_classes > 0 and image_set.labels is not None
        self._images = torch.as_tensor(image_set.images)
        self._labels = torch.as_tensor(image_set.labels) if told else None
        self._t = _spread(image_set.n, config.diffusion.T, generator(seed, "held-out timesteps", 0))
        self._noise_seed = derived_seed(seed, "held-out noise", 0)
        self._device = device

    def draws(self, images: int) -> Iterator[Draws]:
        """All of them, so many at a time, on the device. Nothing is mirrored, and no class is hidden."""
        for first in range(0, len(self._images), images):
            part = slice(first, first + images)
            x_0 = to_unit(self._images[part].to(self._device))
            indices = range(first, first + len(x_0))
            noise = SampleNoise(self._noise_seed, indices, (x_0.shape[1], *x_0.shape[2:]), self._device)
            labels = None if self._labels is None else self._labels[part].to(self._device)
            yield Draws(x_0, self._t[part].to(self._device), noise.draw(), labels)

    @torch.no_grad()
    def mean_loss(self, losses_of: Callable[[Draws], Tensor], images: int) -> float | None:
        """The mean of what ``losses_of`` gives for each image, [B], of all of them; None where it is no number.

        At most ``images`` at once, and half as many, as often as it takes, where memory ends.
        """
        while (losses := self._try_losses(losses_of, images)) is None:
            release_memory(self._device)
            images = math.ceil(images / 2)
        loss = float(losses.mean())
        return loss if math.isfinite(loss) else None

    def _try_losses(self, losses_of: Callable[[Draws], Tensor], images: int) -> Tensor | None:
        try:
            return torch.cat([losses_of(draws).cpu().double() for draws in self.draws(images)])
        except (RuntimeError, MemoryError) as error:
            if images == 1 or not is_out_of_memory(error):
                raise
            return None


def _spread(n: int, T: int, random: torch.Generator) -> Tensor:
    """n timesteps, int64 [n], evenly over 0 ... T - 1, in random order: that of the images may be by class."""
    middles = (2 * torch.arange(n) + 1) * T // (2 * n)
    return middles[torch.randperm(n, generator=random)]
