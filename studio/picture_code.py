"""A drawn picture as the bytes that a terminal is sent. Kept apart, as the first screen need not load Pillow."""

from dataclasses import dataclass
from hashlib import blake2b

from PIL import Image

from studio import half_cells, kitty_graphics, sixels
from studio.picture_ladder import Rung, Scale


@dataclass(frozen=True)
class PictureCode:
    """A picture of (height, width) cells; of ``half``, ``sixel`` and ``kitty`` what its protocol needs.

    ``kitty`` is the picture's number. Codes with the same ``look`` show the same.
    """

    cells: tuple[int, int]
    n_bytes: int
    look: bytes
    half: half_cells.HalfCells | None = None
    sixel: list[str] | None = None
    kitty: int | None = None
    transmission: str = ""


def encode(image: Image.Image, rung: Rung, scale: Scale, number: int) -> PictureCode:
    """An RGB picture of whole cells in the colours of a rung; ``number`` is kitty's name for it."""
    cells = (image.height // scale.per_cell[0], image.width // scale.per_cell[1])
    look = blake2b(f"{rung} {scale} {image.size}".encode() + image.tobytes()).digest()
    if rung.protocol == "half":
        few = rung.colors <= 256
        lines = half_cells.half_cells(_in_few_colors(image, rung.colors).convert("RGB") if few else image)
        return PictureCode(cells, half_cells.count_bytes(lines), look, half=lines)
    picture = _in_few_colors(image, rung.colors)
    if rung.protocol == "sixel":
        rows = sixels.sixel_lines(picture, scale.per_cell[0])
        return PictureCode(cells, sum(map(len, rows)), look, sixel=rows)
    sent = kitty_graphics.transmission(picture, number, cells)
    marked = len(kitty_graphics.placeholders(0, cells[1]).encode()) * cells[0]
    return PictureCode(cells, len(sent) + marked, look, kitty=number, transmission=sent)


def _in_few_colors(image: Image.Image, colors: int) -> Image.Image:
    """In palette mode; exactly, where it has no more colours than that."""
    if image.getcolors(colors):
        method = Image.Quantize.MEDIANCUT
    else:
        # The octree takes a fiftieth of the time, and has no eye for few colours.
        method = Image.Quantize.FASTOCTREE if colors > 16 else Image.Quantize.MAXCOVERAGE
    return image.quantize(colors, method=method, dither=Image.Dither.NONE)
