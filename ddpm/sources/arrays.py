"""Images in one array, in memory or in a file that is mapped into it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ddpm.errors import DataError
from ddpm.progress import Progress
from ddpm.sources.imageset import ImageSet, empty_images
from ddpm.sources.pixels import fit_arrays

_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class ArrayImages:
    """Images in an array, seen at one size and number of channels. Implements StoredImages.

    ``fetch`` gives the array [N, C, H, W], once and only when pixels are asked for: uint8, or whatever
    ``as_bytes`` makes uint8 of, a few rows at a time. ``rows`` are those that belong to the set.
    """

    name: str
    fetch: Callable[[], NDArray[Any]]
    rows: NDArray[np.int64]
    image_size: tuple[int, int]
    channels: int
    labels: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] = ()
    as_bytes: Callable[[NDArray[Any]], NDArray[np.uint8]] = np.asarray
    skipped: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Number of images."""
        return len(self.rows)

    @cached_property
    def array(self) -> NDArray[Any]:
        """All images of the storage as they lie there, [N, C, H, W]."""
        array: NDArray[Any] = self.fetch()
        return array

    def read(self, position: int) -> NDArray[np.uint8]:
        """One image, uint8 [C, H, W]."""
        height, width = self.image_size
        images = np.empty((1, self.channels, height, width), np.uint8)
        self._read_into(images, self.rows[position : position + 1])
        return images.reshape(self.channels, height, width)

    def take(self, positions: NDArray[np.int64]) -> Self:
        """These images only, in this order."""
        array = self.array
        labels = None if self.labels is None else self.labels[positions]
        return replace(self, fetch=lambda: array, rows=self.rows[positions], labels=labels)

    def load(self, workers: int, progress: Progress) -> ImageSet:
        """All of them in memory. Raises DataError where it is too small."""
        if self._is_loaded():
            return ImageSet(self.name, self.array, self.labels, self.class_names)
        images = empty_images(self.n, self.channels, self.image_size, self.name)
        for start in range(0, self.n, _ROWS_AT_ONCE):
            chunk = slice(start, start + _ROWS_AT_ONCE)
            self._read_into(images[chunk], self.rows[chunk])
            progress("reading images", min(start + _ROWS_AT_ONCE, self.n), self.n)
        return ImageSet(self.name, images, self.labels, self.class_names)

    def checked(self, workers: int, progress: Progress) -> Self:
        """Itself: an array has no broken images."""
        return self

    def _is_loaded(self) -> bool:
        """Whether the array is what ``load`` gives, so that nothing need be copied."""
        return (
            self.array.dtype == np.uint8
            and not isinstance(self.array, np.memmap)
            and self.array.flags.c_contiguous
            and self.array.shape == (self.n, self.channels, *self.image_size)
            and bool((self.rows == np.arange(self.n)).all())
        )

    def _read_into(self, images: NDArray[np.uint8], rows: NDArray[np.int64]) -> None:
        fit_arrays(self.as_bytes(self.array[rows]), images)


def array_images(
    name: str,
    shape: tuple[int, int, int, int],
    fetch: Callable[[], NDArray[Any]],
    image_size: tuple[int, int] | None,
    channels: int | None,
    *,
    labels: NDArray[np.int64] | None = None,
    class_names: tuple[str, ...] = (),
    as_bytes: Callable[[NDArray[Any]], NDArray[np.uint8]] = np.asarray,
) -> ArrayImages:
    """All images of an array of this shape [N, C, H, W], at its own size and channels unless others are named.

    Raises DataError where there are not as many labels as images, or a label has no class.
    """
    n, own_channels, height, width = shape
    if labels is not None:
        _check_labels(labels, n, class_names, name)
    return ArrayImages(
        name=name,
        fetch=fetch,
        rows=np.arange(n),
        image_size=image_size or (height, width),
        channels=channels or own_channels,
        labels=labels,
        class_names=class_names,
        as_bytes=as_bytes,
    )


def _check_labels(labels: NDArray[np.int64], n: int, class_names: tuple[str, ...], name: str) -> None:
    if len(labels) != n:
        raise DataError(
            f"{name} has {len(labels)} labels for {n} images, so the two do not belong together. "
            f"Get both again, from one place."
        )
    if class_names and not (labels.min() >= 0 and labels.max() < len(class_names)):
        raise DataError(
            f"{name} has labels from {labels.min()} to {labels.max()}, and {len(class_names)} classes. "
            f"Get images and labels again, from one place."
        )
