"""How much memory a recipe takes to train, before anything of it is built.

What belongs to the parameters is counted without torch; what the images add needs a pass through the network on
tensors without numbers, see ddpm.activations.
"""

import math
from dataclasses import dataclass

from ddpm.config import Config
from ddpm.parameter_count import parameter_count

_BYTES = 4  # of a float32; parameters and images are kept in nothing else
# Of each image a step holds: itself, its noise, the prediction, and the loss of each value.
_IMAGE_COPIES = 4
# More maps of a level's size than any kind of block leaves for the way back, its skip connection with it.
_MAPS_OF_A_BLOCK = 150


@dataclass(frozen=True)
class FixedMemory:
    """What training holds whatever the batch, in bytes: ``moments`` are AdamW's two for each parameter."""

    weights: int
    gradients: int
    moments: int
    averages: int

    @property
    def total(self) -> int:
        """All of it; an optimizer's update needs no more."""
        return self.weights + self.gradients + self.moments + self.averages


@dataclass(frozen=True)
class TrainingMemory:
    """What a step of training takes at its peak, in bytes, with ``images`` of the batch in memory at once.

    The data set and what the driver of a device takes for itself come on top.
    """

    fixed: FixedMemory
    activations: int
    batch: int
    images: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.fixed.total + self.activations + self.batch

    def __str__(self) -> str:
        """Such as "61.0 GB: weights 2.1, gradients 2.1, AdamW 4.2, averages 2.1, activations 50.5 at 64 images"."""
        scale, unit = (1e9, "GB") if self.total >= 1e9 else (1e6, "MB")
        parts = {
            "weights": self.fixed.weights,
            "gradients": self.fixed.gradients,
            "AdamW": self.fixed.moments,
            "averages": self.fixed.averages,
            "activations": self.activations + self.batch,
        }
        words = ", ".join(f"{name} {size / scale:,.1f}" for name, size in parts.items())
        at_once = "1 image" if self.images == 1 else f"{self.images:,} images"
        return f"{self.total / scale:,.1f} {unit}: {words} at {at_once}"


def fixed_memory(config: Config) -> FixedMemory:
    """What a recipe's parameters take. Raises ConfigError where parameter_count does."""
    weights = _BYTES * parameter_count(config)
    averages = 1 + len(config.train.ema_more_decays) + len(config.train.ema_lengths)
    return FixedMemory(weights, gradients=weights, moments=2 * weights, averages=averages * weights)


def training_memory(config: Config, images: int | None = None, device: str = "cpu") -> TrainingMemory:
    """What a step of a recipe takes with ``images`` in memory at once: by default as many as the recipe says.

    ``device`` is the kind that it is to train on, "cpu", "cuda" or "mps": kernels differ in what they keep. Takes
    some tenths of a second. Raises ConfigError where parameter_count does.
    """
    # Here, as it imports torch.
    from ddpm.activations import activation_bytes

    images = images or config.train.batch_size
    channels, height, width = config.data.shape
    batch = _IMAGE_COPIES * _BYTES * images * channels * height * width
    return TrainingMemory(fixed_memory(config), activation_bytes(config, images, device), batch, images)


def surely_enough(config: Config, images: int | None = None) -> int:
    """More bytes than training_memory would find, in no time: who has these need not ask how many it takes."""
    images = images or config.train.batch_size
    _, height, width = config.data.shape
    model, blocks = config.model, 2 * config.model.blocks_per_level + 1
    maps = sum(
        model.dim * multiple * math.ceil(height / (1 << level)) * math.ceil(width / (1 << level))
        for level, multiple in enumerate(model.dim_mults)
    )
    return fixed_memory(config).total + _BYTES * images * _MAPS_OF_A_BLOCK * blocks * maps
