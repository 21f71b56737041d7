"""Pictures of characters: each is an upper half block, whose two colours are two pixels."""

from itertools import groupby

from PIL import Image

Color = tuple[int, int, int]
# (how many cells, their upper colour, their lower colour)
HalfCells = list[list[tuple[int, Color, Color]]]


def half_cells(image: Image.Image) -> HalfCells:
    """Lines of runs of equal cells, of an RGB picture of an even height."""
    width = image.width
    pixels: list[Color] = list(zip(*[iter(image.tobytes())] * 3, strict=True))
    rows = [pixels[at : at + width] for at in range(0, len(pixels), width)]
    return [
        [(len(list(equal)), *pair) for pair, equal in groupby(zip(rows[at], rows[at + 1], strict=True))]
        for at in range(0, len(rows), 2)
    ]


def count_bytes(lines: HalfCells) -> int:
    """What a terminal of 16 million colours is sent: a run's colours, its characters, the end of its colours."""
    return sum(_run_bytes(*run) for line in lines for run in line)


def _run_bytes(n: int, upper: Color, lower: Color) -> int:
    digits = sum(len(str(level)) for level in (*upper, *lower))
    return len("\x1b[38;2;;;;48;2;;;m") + digits + n * len("▀".encode()) + len("\x1b[0m")
