"""Images as a network trains on them: batches of floats on a device, in the order of ddpm.order."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ddpm.order import ShuffledOrder
from ddpm.sources.imageset import ImageSet


def to_unit(images: Tensor) -> Tensor:
    """uint8 0..255 as float32 in [-1, 1], any shape."""
    return images.to(torch.float32) / 127.5 - 1


def to_uint8(images: Tensor) -> Tensor:
    """Floats as uint8, the inverse of ``to_unit``, any shape; what lies outside [-1, 1] is clamped."""
    return ((images.to(torch.float32) + 1) * 127.5).clamp(0, 255).round().to(torch.uint8)


class Batch(NamedTuple):
    """Images x_0, float32 [B, C, H, W] in [-1, 1], and their classes, int64 [B], where the set has any."""

    x_0: Tensor
    labels: Tensor | None


class TrainingImages(Protocol):
    """What a network trains on: an endless row of images, read from wherever a run has come to."""

    @property
    def device(self) -> torch.device:
        """Where the batches are."""

    def __len__(self) -> int:
        """Images of one epoch."""

    def batch(self, images_seen: int, batch_size: int) -> Batch:
        """The ``batch_size`` images that follow the first ``images_seen``."""


class DeviceImages:
    """A whole data set on one device as uint8 [N, C, H, W], read in the order of ``ShuffledOrder``."""

    def __init__(
        self, image_set: ImageSet, seed: int, device: torch.device | str = "cpu", *, flip: bool = False
    ) -> None:
        self.images = torch.as_tensor(image_set.images, device=device)
        self.labels = None if image_set.labels is None else torch.as_tensor(image_set.labels, device=device)
        self._order = ShuffledOrder(image_set.n, seed, flip=flip)

    @property
    def device(self) -> torch.device:
        """Where the images are, and their batches."""
        return self.images.device

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, images_seen: int, batch_size: int) -> Batch:
        """The ``batch_size`` images that follow the first ``images_seen``."""
        showings = self._order.showings(images_seen, batch_size)
        positions = showings.positions.to(self.device)
        labels = None if self.labels is None else self.labels[positions]
        return Batch(to_unit(mirror(self.images[positions], showings.mirrored)), labels)


def mirror(images: Tensor, mirrored: Tensor | None) -> Tensor:
    """Images [B, C, H, W], those named in ``mirrored`` [B] with left and right exchanged."""
    if mirrored is None:
        return images
    return torch.where(mirrored.to(images.device)[:, None, None, None], images.flip(-1), images)
