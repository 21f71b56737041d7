"""A drawing board of braille dots: each character cell holds 2 x 4 of them."""

import numpy as np
from numpy.typing import NDArray

BLANK = 0x2800
# The bit of each dot in Unicode's braille block, by row and column inside the cell.
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.int32)


class Board:
    """Dots in ``height`` x ``width`` cells; row 0 is the top."""

    def __init__(self, width: int, height: int) -> None:
        self.dots: NDArray[np.bool_] = np.zeros((height * 4, width * 2), dtype=bool)

    def bars(self, bottom: NDArray[np.float64], top: NDArray[np.float64]) -> None:
        """Fill each dot column from ``bottom`` to ``top``, in dots from below; NaN leaves it empty."""
        rows = np.arange(self.dots.shape[0] - 1, -1, -1)[:, None]
        with np.errstate(invalid="ignore"):
            self.dots |= (rows >= np.floor(bottom)[None]) & (rows <= np.floor(top)[None])

    def line(self, level: NDArray[np.float64], breaks: NDArray[np.bool_]) -> None:
        """Join one level a dot column into a line.

        Columns without a level (NaN) are bridged, unless one of them is marked in ``breaks``.
        """
        known = np.flatnonzero(np.isfinite(level))
        if len(known) == 0:
            return
        columns = np.arange(known[0], known[-1] + 1)
        levels = np.floor(np.interp(columns, known, level[known]))
        right = np.searchsorted(known, columns)
        left = np.maximum(right - 1, 0)
        broken_before = np.cumsum(breaks)
        bridged = broken_before[known[right]] == broken_before[known[left]]
        drawn = bridged | np.isin(columns, known)
        # Each column reaches up to its neighbour on the left, so that steep parts stay joined and thin.
        before = np.concatenate([levels[:1], levels[:-1]])
        reach = np.where(bridged, before + np.sign(levels - before), levels)
        bottom, top = np.full((2, self.dots.shape[1]), np.nan)
        bottom[columns] = np.where(drawn, np.minimum(levels, reach), np.nan)
        top[columns] = np.where(drawn, np.maximum(levels, reach), np.nan)
        self.bars(bottom, top)

    def cells(self) -> NDArray[np.int32]:
        """The code point of each cell, int32 [height, width]; BLANK where no dot is set."""
        height, width = self.dots.shape
        blocks = self.dots.reshape(height // 4, 4, width // 2, 2)
        codes: NDArray[np.int32] = BLANK + np.einsum("hrwc,rc->hw", blocks.astype(np.int32), _BITS)
        return codes
