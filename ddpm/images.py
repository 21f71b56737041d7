"""Images as files: grids, and PNGs that are whole or not there."""

import io
import math
from pathlib import Path

import numpy as np
from einops import rearrange
from PIL import Image

from ddpm.files import replace_file

LEGIBLE = 48
GREY = 72


def columns_for(n: int) -> int:
    """The columns of a grid of ``n`` images: as square as it goes, wider rather than higher."""
    return math.ceil(math.sqrt(n))


def grid(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Lay uint8 [N, C, H, W] out in rows, without gaps: uint8 [C, rows H, columns W]; missing images are black."""
    columns = columns or columns_for(len(images))
    missing = -len(images) % columns
    padded = np.concatenate([images, np.zeros((missing, *images.shape[1:]), np.uint8)]) if missing else images
    return rearrange(padded, "(rows columns) c h w -> c (rows h) (columns w)", columns=columns)


def legible_grid(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """The grid for people: small images enlarged by a whole factor to 48 pixels or more, with grey lines between."""
    factor = max(1, math.ceil(LEGIBLE / max(images.shape[2:])))
    enlarged = images.repeat(factor, axis=2).repeat(factor, axis=3)
    line = max(1, enlarged.shape[2] // 16)
    spaced = np.pad(enlarged, ((0, 0), (0, 0), (0, line), (0, line)), constant_values=GREY)
    return np.pad(grid(spaced, columns), ((0, 0), (line, 0), (line, 0)), constant_values=GREY)


def to_pil(image: np.ndarray) -> Image.Image:
    """One image, uint8 [C, H, W] with C of 1, 3 or 4, as grey, RGB or RGBA."""
    return Image.fromarray(image[0] if len(image) == 1 else rearrange(image, "c h w -> h w c"))


def write_png(path: Path, image: np.ndarray) -> None:
    """Write uint8 [C, H, W] as a PNG, in one step. Raises OSError."""
    buffer = io.BytesIO()
    to_pil(image).save(buffer, "PNG")
    replace_file(path, buffer.getvalue(), durable=False)
