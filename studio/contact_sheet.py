"""Draws sample images in their arrangement. Kept apart from it, as the first screen need not load numpy."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ddpm.errors import RunError
from ddpm.images import to_pil
from ddpm.runs import Preview
from studio.arrangement import GAP, Arrangement
from studio.png_pixels import UNREADABLE, png_pixels

Pixels = NDArray[np.uint8]


def sheet(images: Pixels, arrangement: Arrangement, background: tuple[int, int, int]) -> Image.Image:
    """The first images of uint8 [N, C, H, W] in their arrangement, as an RGB picture."""
    canvas = Image.new("RGB", (arrangement.width, arrangement.height), background)
    size = (arrangement.tile_width, arrangement.tile_height)
    enlarges = size[0] >= images.shape[3]
    for at, pixels in enumerate(images[: arrangement.shown]):
        tile = to_pil(pixels).resize(size, Image.Resampling.NEAREST if enlarges else Image.Resampling.BOX)
        row, column = divmod(at, arrangement.columns)
        place = (column * (size[0] + GAP), row * (size[1] + GAP))
        canvas.paste(tile, place, tile if tile.mode == "RGBA" else None)
    return canvas


def padded_sheet(
    images: Pixels, arrangement: Arrangement, per_cell: tuple[int, int], background: tuple[int, int, int]
) -> Image.Image:
    """The sheet on a canvas of whole character cells, so that the terminal does not stretch it."""
    content = sheet(images, arrangement, background)
    height = -(-content.height // per_cell[0]) * per_cell[0]
    width = -(-content.width // per_cell[1]) * per_cell[1]
    canvas = Image.new("RGB", (width, height), background)
    canvas.paste(content, (0, 0))
    return canvas


def row_sheet(
    tiles: Sequence[tuple[Pixels | None, bool]],
    size: tuple[int, int],
    pitch: int,
    per_cell: tuple[int, int],
    background: tuple[int, int, int],
) -> Image.Image:
    """Pictures, each uint8 [C, H, W] or None for an empty place, in the middle of places ``pitch`` pixels wide.

    ``size`` is (height, width) of each. One that is shrunk is averaged, or, with True beside it, thinned out.
    """
    height, width = size
    canvas = Image.new("RGB", (pitch * len(tiles), -(-height // per_cell[0]) * per_cell[0]), background)
    for at, (pixels, thinned) in enumerate(tiles):
        place = (at * pitch + (pitch - width) // 2, 0)
        if pixels is None:
            continue
        enlarges = thinned or width >= pixels.shape[2]
        tile = to_pil(pixels).resize(
            (width, height), Image.Resampling.NEAREST if enlarges else Image.Resampling.BOX
        )
        canvas.paste(tile, place, tile if tile.mode == "RGBA" else None)
    return canvas


def preview_images(preview: Preview) -> Pixels:
    """The single images of a preview's grid, uint8 [N, C, H, W]. Raises RunError where it cannot be read."""
    recipe = preview.recipe
    try:
        n, columns = int(recipe["n"]), int(recipe["columns"])
        height, width, channels = int(recipe["height"]), int(recipe["width"]), int(recipe["channels"])
        rows = ceil(n / columns)
        grid = png_pixels(preview.image, columns * width, rows * height, channels)
        tiles = grid.reshape(rows, height, columns, width, channels).transpose(0, 2, 4, 1, 3)
        return tiles.reshape(rows * columns, channels, height, width)[:n]
    except UNREADABLE as error:
        raise RunError(f"The preview {preview.image} cannot be shown: {error}.") from None
