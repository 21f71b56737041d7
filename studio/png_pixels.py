"""PNGs that this program wrote, and that anybody may have changed since: the pixels, or why there are none."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ddpm.files import open_regular

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
# What a damaged picture, or a damaged recipe beside it, may raise: Pillow has errors of its own, and a syntax error
# for what is no PNG.
UNREADABLE = (
    OSError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
    SyntaxError,
    EOFError,
    MemoryError,
    Image.DecompressionBombError,
)


def png_pixels(path: Path, width: int, height: int, channels: int) -> NDArray[np.uint8]:
    """A PNG of that size as uint8 [H, W] where it has one channel, else [H, W, C]. Raises any of UNREADABLE."""
    with open_regular(path) as file, Image.open(file, formats=("PNG",)) as picture:
        # Before it is decoded: a small file may hold a picture that fills the memory.
        if picture.size != (width, height):
            raise ValueError(
                f"{path.name} is {picture.width}x{picture.height} and should be {width}x{height}"
            )
        return np.asarray(picture.convert(MODES[channels]))
