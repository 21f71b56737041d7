"""How sample images are laid out so that each can be seen: fewer large ones rather than many specks."""

from dataclasses import dataclass
from math import ceil, log

LEGIBLE = 16
ENOUGH = 12
GAP = 1


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
