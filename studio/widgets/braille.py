"""Drawing boards of dots inside character cells: 2 x 4 braille dots, or two levels of plain ASCII."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio.growing import Floats

BLANK = ord(" ")


@dataclass(frozen=True)
class DotSet:
    """``codes[sum of the bits of a cell's dots]`` is its character; ``bits`` [rows, columns] is one bit a dot."""

    bits: NDArray[np.int32]
    codes: NDArray[np.int32]

    @property
    def rows(self) -> int:
        return int(self.bits.shape[0])

    @property
    def columns(self) -> int:
        return int(self.bits.shape[1])


# The bit of each dot in Unicode's braille block, by row and column inside the cell.
BRAILLE = DotSet(
    bits=np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.int32),
    codes=np.array([BLANK, *range(0x2801, 0x2900)], dtype=np.int32),
)
ASCII = DotSet(
    bits=np.array([[1], [2]], dtype=np.int32), codes=np.array(list(map(ord, " '.:")), dtype=np.int32)
)


class Board:
    """Dots in ``height`` x ``width`` cells; row 0 is the top."""

    def __init__(self, width: int, height: int, dot_set: DotSet = BRAILLE) -> None:
        self._set = dot_set
        self.dots: NDArray[np.bool_] = np.zeros((height * dot_set.rows, width * dot_set.columns), dtype=bool)

    def bars(self, bottom: Floats, top: Floats) -> None:
        """Fill each dot column from ``bottom`` to ``top``, in dots from below; NaN leaves it empty."""
        rows = np.arange(self.dots.shape[0] - 1, -1, -1)[:, None]
        with np.errstate(invalid="ignore"):
            self.dots |= (rows >= np.floor(bottom)[None]) & (rows <= np.floor(top)[None])

    def line(self, position: Floats, level: Floats, breaks: NDArray[np.bool_]) -> None:
        """Join levels, in dots from below, at rising positions, in dot columns, which may lie outside the board.

        Positions without a level (NaN) are bridged, unless one of them is marked in ``breaks``.
        """
        known = np.flatnonzero(np.isfinite(level))
        if len(known) == 0:
            return
        at = position[known]
        columns = np.arange(max(0, np.ceil(at[0])), min(self.dots.shape[1] - 1, np.floor(at[-1])) + 1)
        if len(columns) == 0:
            return
        levels = np.floor(np.interp(columns, at, level[known]))
        right = np.searchsorted(at, columns)
        left = np.maximum(right - 1, 0)
        broken_before = np.cumsum(breaks)[known]
        bridged = broken_before[right] == broken_before[left]
        drawn = bridged | (at[right] == columns)
        # Each column reaches up to its neighbour on the left, so that steep parts stay joined and thin.
        before = np.concatenate([levels[:1], levels[:-1]])
        reach = np.where(bridged, before + np.sign(levels - before), levels)
        bottom, top = np.full((2, self.dots.shape[1]), np.nan)
        bottom[columns.astype(int)] = np.where(drawn, np.minimum(levels, reach), np.nan)
        top[columns.astype(int)] = np.where(drawn, np.maximum(levels, reach), np.nan)
        self.bars(bottom, top)

    def cells(self) -> NDArray[np.int32]:
        """The code point of each cell, int32 [height, width]; BLANK where no dot is set."""
        rows, columns = self._set.rows, self._set.columns
        height, width = self.dots.shape
        blocks = self.dots.reshape(height // rows, rows, width // columns, columns)
        codes: NDArray[np.int32] = self._set.codes[
            np.einsum("hrwc,rc->hw", blocks.astype(np.int32), self._set.bits)
        ]
        return codes
