"""Sixels (DEC VT340): a column of six pixels a character, one colour after the other.

A picture is sent as one sixel image for each line of character cells. So a line that something has covered is sent
again by itself, and nothing is drawn beyond the lines that the picture has.
"""

import re

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BAND = 6
_RUN = re.compile(rb"(.)\1{3,}", re.DOTALL)
# Pixels that no colour sets are left as they are; one unit is one pixel.
_BEGIN, _END = b"\x1bP0;1;0q", b"\x1b\\"


def sixel_lines(image: Image.Image, cell_height: int) -> list[str]:
    """The lines of a picture in palette mode ("P") whose height is a multiple of that of a cell."""
    indices = np.asarray(image)
    palette = np.asarray(image.getpalette(), np.uint8).reshape(-1, 3)
    return [
        _line(indices[top : top + cell_height], palette).decode("ascii")
        for top in range(0, image.height, cell_height)
    ]


def _line(indices: NDArray[np.uint8], palette: NDArray[np.uint8]) -> bytes:
    height, width = indices.shape
    used = np.unique(indices)
    percents = (palette[used].astype(np.uint16) * 100 + 127) // 255
    registers = b"".join(
        b"#%d;2;%d;%d;%d" % (at, red, green, blue) for at, (red, green, blue) in enumerate(percents)
    )
    renumbered = np.searchsorted(used, indices)
    bands = [_band(renumbered[top : top + _BAND]) for top in range(0, height, _BAND)]
    return b"".join((_BEGIN, b'"1;1;%d;%d' % (width, height), registers, b"-".join(bands), _END))


def _band(indices: NDArray[np.int64]) -> bytes:
    """Up to six rows of pixels, in each of their colours."""
    colors = np.unique(indices)
    weights = (1 << np.arange(len(indices))).astype(np.uint8)
    masks = (indices[None] == colors[:, None, None]).astype(np.uint8)
    characters = (np.einsum("crx,r->cx", masks, weights) + ord("?")).astype(np.uint8)
    return b"$".join(
        b"#%d%s" % (color, _RUN.sub(_repeated, row.tobytes().rstrip(b"?")))
        for color, row in zip(colors, characters, strict=True)
    )


def _repeated(run: re.Match[bytes]) -> bytes:
    return b"!%d%s" % (len(run[0]), run[1])
