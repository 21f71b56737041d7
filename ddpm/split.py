"""Hold some images of a data set back, always the same ones. Needs no torch."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ddpm.errors import DataError
from ddpm.seeds import derived_seed
from ddpm.sources.imageset import ImageSet


def split_positions(n: int, fraction: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of n images are trained on and which are held out, both in rising order.

    A pure function of its arguments, on every machine; a larger fraction holds out all that a smaller one does.
    Where the fraction is above 0 both parts have an image. Raises DataError where n is 1 then.
    """
    if fraction == 0:
        return np.arange(n), np.empty(0, np.int64)
    if n < 2:
        raise DataError(
            f"The data set has {n} image, so none can be held out (data.held_out is {fraction:g}). "
            "Set data.held_out to 0, or use more images."
        )
    # The raw words of PCG64 are the same in every version of NumPy, which its shuffles need not be.
    words = np.random.PCG64(derived_seed(seed, "held out", n)).random_raw(n)
    count = min(max(round(n * fraction), 1), n - 1)
    shuffled = np.argsort(words, kind="stable")
    return np.sort(shuffled[count:]), np.sort(shuffled[:count])


def split(image_set: ImageSet, fraction: float, seed: int) -> tuple[ImageSet, ImageSet]:
    """The part of a data set that is trained on, and the part that is held out; see ``split_positions``.

    Files that could not be read are named in the first part only.
    """
    if fraction == 0:
        return image_set, replace(take(image_set, np.empty(0, np.int64)), skipped=())
    trained, held_out = split_positions(image_set.n, fraction, seed)
    return take(image_set, trained), replace(take(image_set, held_out), skipped=())


def take(image_set: ImageSet, positions: NDArray[np.int64]) -> ImageSet:
    """The images of a data set at some positions."""
    labels = None if image_set.labels is None else image_set.labels[positions]
    return replace(image_set, images=image_set.images[positions], labels=labels)
