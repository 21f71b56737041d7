"""Images on the device, and their order: a function of the seed and of how many images have been seen."""

from typing import NamedTuple

import torch
from torch import Tensor

from ddpm.imageset import ImageSet
from ddpm.randomness import generator


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


class DeviceImages:
    """A whole data set on one device as uint8 [N, C, H, W], read in an endless shuffled order.

    Each epoch is a permutation of the N images that depends on nothing but the seed and the epoch's number,
    and one epoch follows the other without a gap. So a resumed run goes on where it was, batches may be
    larger than the data set, and no image is left out.
    """

    def __init__(self, image_set: ImageSet, seed: int, device: torch.device | str = "cpu") -> None:
        self.images = torch.as_tensor(image_set.images, device=device)
        self.labels = None if image_set.labels is None else torch.as_tensor(image_set.labels, device=device)
        self._seed = seed
        self._orders: dict[int, Tensor] = {}

    @property
    def device(self) -> torch.device:
        """Where the images are, and their batches."""
        return self.images.device

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, images_seen: int, batch_size: int) -> Batch:
        """The ``batch_size`` images that follow the first ``images_seen``."""
        positions = self.order(images_seen, batch_size).to(self.images.device)
        labels = None if self.labels is None else self.labels[positions]
        return Batch(to_unit(self.images[positions]), labels)

    def order(self, images_seen: int, batch_size: int) -> Tensor:
        """The positions in the data set of those images, int64 [B] on the CPU."""
        first_epoch, start = divmod(images_seen, len(self))
        last_epoch = (images_seen + batch_size - 1) // len(self)
        epochs = range(first_epoch, last_epoch + 1)
        self._orders = {epoch: self._epoch(epoch) for epoch in epochs}
        return torch.cat(list(self._orders.values()))[start : start + batch_size]

    def _epoch(self, epoch: int) -> Tensor:
        known = self._orders.get(epoch)
        # Shuffled on the CPU, so that the order is the same on every device.
        return (
            torch.randperm(len(self), generator=generator(self._seed, "order", epoch))
            if known is None
            else known
        )
