"""The ways to send one picture, the best first: then fewer colours, then smaller, then half cells."""

from dataclasses import dataclass

from studio.terminal_question import Answer, Protocol

LEAST_SHARE = 0.5


@dataclass(frozen=True)
class Rung:
    """One way: ``colors`` at most, on this share of the height and of the width that there are."""

    protocol: Protocol
    colors: int
    share: float = 1.0


@dataclass(frozen=True)
class Scale:
    """The room for a picture: (height, width) in cells, and the (height, width) of a cell in pixels."""

    cells: tuple[int, int]
    per_cell: tuple[int, int]

    @property
    def space(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.cells[0] * self.per_cell[0], self.cells[1] * self.per_cell[1]


_HALF = (Rung("half", 1 << 24), Rung("half", 64), Rung("half", 16), Rung("half", 16, LEAST_SHARE))
_PIXELS = ((256, 1.0), (64, 1.0), (16, 1.0), (16, LEAST_SHARE))
LADDERS: dict[Protocol, tuple[Rung, ...]] = {
    "kitty": tuple(Rung("kitty", *rung) for rung in _PIXELS) + _HALF[2:],
    "sixel": tuple(Rung("sixel", *rung) for rung in _PIXELS) + _HALF[2:],
    "half": _HALF,
    "none": (),
}
# Placeholders of kitty's protocol count no further than there are marks to count with.
MOST_KITTY_CELLS = 129


def scale_of(rung: Rung, cells: tuple[int, int], answer: Answer) -> Scale:
    """The room that a rung has in (height, width) cells of a terminal."""
    height, width = (max(1, int(side * rung.share)) for side in cells)
    if rung.protocol == "half":
        return Scale((height, width), (2, 1))
    if rung.protocol == "kitty":
        height, width = min(height, MOST_KITTY_CELLS), min(width, MOST_KITTY_CELLS)
    return Scale((height, width), (answer.cell_height, answer.cell_width))
