"""One picture from a file, in the shape that a network sees."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ddpm.errors import PictureError
from ddpm.sources.pictures import decoders, reason_of, silent_decoders
from ddpm.sources.pixels import to_array


def read_picture(path: Path, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A picture as uint8 of one shape (C, H, W), scaled, cropped and converted as those of a folder are.

    See ``pixels.to_array``. Raises PictureError where there is no such file or it cannot be read as a picture.
    """
    return _read(path, shape)[0]


def read_mask(path: Path, of: Path, image_size: tuple[int, int]) -> NDArray[np.float32]:
    """A mask for the picture ``of``, scaled and cropped as it is: float32 [1, H, W], 1 where it is light, else 0.

    Raises PictureError where it cannot be read, has not the picture's size, or leaves nothing to paint.
    """
    mask, size = _read(path, (1, *image_size))
    _, size_of = _read(of, (1, *image_size))
    if size != size_of:
        raise PictureError(
            f"The mask {path} is {size[0]}x{size[1]} pixels and the picture {of} {size_of[0]}x{size_of[1]}; "
            "make them the same size."
        )
    light = mask >= 128
    if not light.any():
        raise PictureError(f"The mask {path} is dark everywhere; make white what is to be painted.")
    return light.astype(np.float32)


def _read(path: Path, shape: tuple[int, int, int]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """The picture, and the width and height of the whole of it, upright."""
    channels, height, width = shape
    if path.is_dir():
        raise PictureError(f"{path} is a folder. Name a picture in it.")
    if not path.is_file():  # nor a pipe, which would be waited for
        raise PictureError(f"There is no file {path}. Name a picture.")
    try:
        with silent_decoders(), Image.open(path, formats=decoders()) as image:
            upright = ImageOps.exif_transpose(image)
            return to_array(upright, channels, (height, width)), upright.size
    except Exception as error:  # decoders raise almost anything when a file is broken
        raise PictureError(f"Cannot read the picture {path}: {reason_of(error)}. Name another one.") from None
