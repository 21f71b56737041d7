"""What a data set is once it has been found, and once it has been read."""

from dataclasses import dataclass

import numpy as np
import psutil
from numpy.typing import NDArray

from ddpm.errors import DataError


@dataclass(frozen=True)
class DataSummary:
    """What can be said about a data set without reading its pixels.

    ``n`` counts images, ``image_size`` is (H, W) in pixels as the network will see them. In a folder ``n``
    counts files that are images by name; those that turn out to be broken are known once it has been read.
    ``remarks`` are sentences about what its owner may not have meant.
    """

    name: str
    n: int
    image_size: tuple[int, int]
    channels: int
    class_names: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageSet:
    """The images of a data set: uint8 [N, C, H, W], and int64 [N] labels where it has classes.

    ``skipped`` names each file that could not be read, and why.
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Number of images."""
        return len(self.images)

    @property
    def image_size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return (self.images.shape[2], self.images.shape[3])

    @property
    def channels(self) -> int:
        """1 grey, 3 RGB, 4 RGBA."""
        return int(self.images.shape[1])


def empty_images(n: int, channels: int, image_size: tuple[int, int], name: str) -> NDArray[np.uint8]:
    """Room for [n, C, H, W] images. Raises DataError where this machine has not that much memory."""
    needed = n * channels * image_size[0] * image_size[1]
    memory = psutil.virtual_memory().total
    if needed > memory:
        raise DataError(
            f"The {n} images of {name} need {needed / 2**30:.1f} GiB at "
            f"{image_size[0]}x{image_size[1]} pixels, and this machine has {memory / 2**30:.1f} GiB "
            f"of memory. Choose a smaller data.image_size, or data.stream always."
        )
    return np.empty((n, channels, *image_size), np.uint8)
