"""Images as files: grids, and PNGs that are whole or not there."""

import io
import math
from pathlib import Path

import numpy as np
from einops import rearrange
from PIL import Image

from ddpm.files import replace_file


def columns_for(n: int) -> int:
    """The columns of a grid of ``n`` images: as square as it goes, wider rather than higher."""
    return math.ceil(math.sqrt(n))


def grid(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Lay uint8 [N, C, H, W] out in rows, without gaps: uint8 [C, rows H, columns W]; missing images are black."""
    columns = columns or columns_for(len(images))
    missing = -len(images) % columns
    padded = np.concatenate([images, np.zeros((missing, *images.shape[1:]), np.uint8)]) if missing else images
    return rearrange(padded, "(rows columns) c h w -> c (rows h) (columns w)", columns=columns)


def to_pil(image: np.ndarray) -> Image.Image:
    """One image, uint8 [C, H, W] with C of 1, 3 or 4, as grey, RGB or RGBA."""
    return Image.fromarray(image[0] if len(image) == 1 else rearrange(image, "c h w -> h w c"))


def write_png(path: Path, image: np.ndarray) -> None:
    """Write uint8 [C, H, W] as a PNG, in one step. Raises OSError."""
    buffer = io.BytesIO()
    to_pil(image).save(buffer, "PNG")
    replace_file(path, buffer.getvalue(), durable=False)
