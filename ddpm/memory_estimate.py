"""How much memory a recipe takes to train, before anything of it is built.

What belongs to the parameters is counted without torch; what the images add needs a pass through the network on
tensors without numbers, see ddpm.activations.
"""

import math
from dataclasses import dataclass

from ddpm.config import Config
from ddpm.parameter_count import parameter_count

_BYTES = 4  # of a float32; parameters and images are kept in nothing else
# Of each image of the batch a step holds the image and its noise; of those in the network also what it predicts and
# the loss of each value.
_OF_THE_BATCH, _AT_ONCE = 2, 2
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
        return sum(self.parts.values())

    @property
    def parts(self) -> dict[str, int]:
        """What it is for, and how many bytes."""
        return {
            "weights": self.weights,
            "gradients": self.gradients,
            "AdamW": self.moments,
            "averages": self.averages,
        }

    def __str__(self) -> str:
        """Such as "10.5 GB: weights 2.1, gradients 2.1, AdamW 4.2, averages 2.1"."""
        return _in_words(self.parts)


@dataclass(frozen=True)
class TrainingMemory:
    """What a step of training takes at its peak, in bytes, with ``images`` of the batch in the network at once.

    In the tests no step takes more, and none a fifth less: gradients that are made while activations go count with
    both. The data set and what the driver of a device takes for itself come on top.
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
        """Such as "61.0 GiB: weights 2.1, gradients 2.1, AdamW 4.2, averages 2.1, activations 50.5 at 64 images"."""
        images = "1 image" if self.images == 1 else f"{self.images:,} images"
        return f"{_in_words({**self.fixed.parts, 'activations': self.activations + self.batch})} at {images}"


def _in_words(parts: dict[str, int]) -> str:
    total = sum(parts.values())
    scale, unit = (2**30, "GiB") if total >= 2**30 else (2**20, "MiB")
    words = ", ".join(f"{name} {size / scale:,.1f}" for name, size in parts.items())
    return f"{total / scale:,.1f} {unit}: {words}"


def fixed_memory(config: Config) -> FixedMemory:
    """What a recipe's parameters take. Raises ConfigError where parameter_count does."""
    weights = _BYTES * parameter_count(config)
    averages = 1 + len(config.train.ema_more_decays) + len(config.train.ema_lengths)
    return FixedMemory(weights, gradients=weights, moments=2 * weights, averages=averages * weights)


def images_at_once(config: Config) -> int:
    """Images of a step that go through the network together."""
    return min(config.train.microbatch or config.train.batch_size, config.train.batch_size)


def training_memory(config: Config, images: int | None = None, device: str = "cpu") -> TrainingMemory:
    """What a step of a recipe takes with ``images`` in the network at once: by default as many as the recipe says.

    ``device`` is the kind that it is to train on, "cpu", "cuda" or "mps": kernels differ in what they keep. Takes
    some tenths of a second. Raises ConfigError where parameter_count does.
    """
    # Here, as it imports torch.
    from ddpm.activations import activation_bytes

    images = images or images_at_once(config)
    channels, height, width = config.data.shape
    copies = _OF_THE_BATCH * config.train.batch_size + _AT_ONCE * images
    batch = copies * _BYTES * channels * height * width
    return TrainingMemory(fixed_memory(config), activation_bytes(config, images, device), batch, images)


def surely_enough(config: Config) -> int:
    """More bytes than training_memory would find, in no time: who has these need not ask how many it takes."""
    _, height, width = config.data.shape
    model, blocks = config.model, 2 * config.model.blocks_per_level + 1
    maps = sum(
        model.dim * multiple * math.ceil(height / (1 << level)) * math.ceil(width / (1 << level))
        for level, multiple in enumerate(model.dim_mults)
    )
    return fixed_memory(config).total + _BYTES * images_at_once(config) * _MAPS_OF_A_BLOCK * blocks * maps
