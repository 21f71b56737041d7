"""The handwritten digits that come with the program; see assets/digits.md."""

import io
import zipfile
from importlib import resources
from pathlib import Path

import numpy as np

from ddpm.errors import DataError
from ddpm.sources.arrays import ArrayImages, array_images

TEN_DIGITS = tuple("0123456789")


def open_digits(image_size: tuple[int, int] | None, channels: int | None) -> ArrayImages:
    """The embedded digits. Raises DataError where the installation is damaged."""
    try:
        with np.load(io.BytesIO(_digits_file()), allow_pickle=False) as arrays:
            images, labels = arrays["images"], arrays["labels"].astype(np.int64)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"The embedded digits are damaged ({error}). Install ddpm-studio again.") from None
    return array_images(
        "digits", images.shape, lambda: images, image_size, channels, labels=labels, class_names=TEN_DIGITS
    )


def _digits_file() -> bytes:
    in_wheel = resources.files("ddpm") / "assets" / "digits.npz"
    in_checkout = Path(__file__).parents[2] / "assets" / "digits.npz"
    for place in (in_wheel, in_checkout):
        if place.is_file():
            return place.read_bytes()
    raise DataError(
        f"The embedded digits are missing: there is neither {in_wheel} nor {in_checkout}. "
        f"Install ddpm-studio again."
    )
