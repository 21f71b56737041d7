"""Lays sample images out so that each can be seen: fewer large ones rather than many specks."""

from dataclasses import dataclass
from math import ceil, log

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ddpm.errors import RunError
from ddpm.runs import Preview

LEGIBLE = 16
ENOUGH = 12
GAP = 1

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Arrangement:
    """How many images are shown and where; sizes in pixels of the screen."""

    columns: int
    rows: int
    tile_width: int
    tile_height: int
    shown: int

    @property
    def width(self) -> int:
        return self.columns * (self.tile_width + GAP) - GAP

    @property
    def height(self) -> int:
        return self.rows * (self.tile_height + GAP) - GAP


def arrange(n: int, image_size: tuple[int, int], space: tuple[int, int]) -> Arrangement | None:
    """Lay ``n`` images of (height, width) into a space of (height, width) pixels.

    Tiles are at least 16 pixels on a side where twelve images or all of them fit like that, else at least as
    large as a smaller image itself. Within that, all are shown as large as can be, or as many as can be.
    Enlarges by whole factors only, so that pixels stay square and crisp. None where nothing fits.
    """
    if n < 1 or min(space) < 4:
        return None
    fitting = [_fill(n, tile, space) for tile in _tile_sizes(image_size, space)]
    if not fitting:
        return None
    for side in (LEGIBLE, min(LEGIBLE, *image_size)):
        legible = [found for found in fitting if min(found.tile_width, found.tile_height) >= side]
        best = max(legible, key=lambda found: (found.shown, found.tile_height), default=None)
        if best and (best.shown >= min(n, ENOUGH) or side < LEGIBLE):
            return best
    return best or fitting[0]


def _tile_sizes(image_size: tuple[int, int], space: tuple[int, int]) -> list[tuple[int, int]]:
    """Sizes (height, width) of a tile that fit, largest first."""
    height, width = image_size
    factor = min(space[0] // height, space[1] // width)
    enlarged = [(height * k, width * k) for k in range(factor, 0, -1)]
    longest = max(height, width)
    shrunk = [
        (max(1, round(height * side / longest)), max(1, round(width * side / longest)))
        for side in range(longest - 1, 3, -1)
    ]
    return enlarged + [tile for tile in shrunk if tile[0] <= space[0] and tile[1] <= space[1]]


def _fill(n: int, tile: tuple[int, int], space: tuple[int, int]) -> Arrangement:
    height, width = tile
    most_columns = (space[1] + GAP) // (width + GAP)
    most_rows = (space[0] + GAP) // (height + GAP)
    shown = min(n, most_columns * most_rows)
    shapes = [
        (columns, ceil(shown / columns))
        for columns in range(1, most_columns + 1)
        if ceil(shown / columns) <= most_rows
    ]

    def holes_then_shape(columns_rows: tuple[int, int]) -> tuple[int, float]:
        columns, rows = columns_rows
        outer = (columns * width / (rows * height)) / (space[1] / space[0])
        return (columns * rows - shown, abs(log(outer)))

    columns, rows = min(shapes, key=holes_then_shape)
    return Arrangement(columns, rows, width, height, shown)


def sheet(images: Pixels, arrangement: Arrangement, background: tuple[int, int, int]) -> Image.Image:
    """The first images of uint8 [N, C, H, W] in their arrangement, as an RGB picture."""
    canvas = Image.new("RGB", (arrangement.width, arrangement.height), background)
    size = (arrangement.tile_width, arrangement.tile_height)
    enlarges = size[0] >= images.shape[3]
    for at, pixels in enumerate(images[: arrangement.shown]):
        tile = _picture(pixels).resize(size, Image.Resampling.NEAREST if enlarges else Image.Resampling.BOX)
        row, column = divmod(at, arrangement.columns)
        place = (column * (size[0] + GAP), row * (size[1] + GAP))
        canvas.paste(tile, place, tile if tile.mode == "RGBA" else None)
    return canvas


def _picture(pixels: Pixels) -> Image.Image:
    """uint8 [C, H, W] with 1, 3 or 4 channels as a picture."""
    if pixels.shape[0] == 1:
        return Image.fromarray(pixels[0])
    return Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))


def preview_images(preview: Preview) -> Pixels:
    """The single images of a preview's grid, uint8 [N, C, H, W]. Raises RunError where it cannot be read."""
    recipe = preview.recipe
    try:
        n, columns = int(recipe["n"]), int(recipe["columns"])
        height, width, channels = int(recipe["height"]), int(recipe["width"]), int(recipe["channels"])
        with Image.open(preview.image) as picture:
            grid = np.asarray(picture.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels]))
        rows = ceil(n / columns)
        tiles = grid.reshape(rows, height, columns, width, channels).transpose(0, 2, 4, 1, 3)
        return tiles.reshape(rows * columns, channels, height, width)[:n]
    except (OSError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise RunError(f"The preview {preview.image} cannot be shown: {error}.") from None
