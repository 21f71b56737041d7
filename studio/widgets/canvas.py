"""A picture made of characters: code points and inks by cell, and from them the lines of a widget."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from studio.widgets.braille import BLANK

Codes = NDArray[np.int32]


class Canvas:
    """``height`` x ``width`` cells; what is drawn later lies in front."""

    def __init__(self, width: int, height: int) -> None:
        self.codes: Codes = np.full((height, width), BLANK, dtype=np.int32)
        self._inks: NDArray[np.int16] = np.zeros((height, width), dtype=np.int16)
        self._styles = [Style()]

    @property
    def width(self) -> int:
        return int(self.codes.shape[1])

    @property
    def height(self) -> int:
        return int(self.codes.shape[0])

    def copy(self) -> "Canvas":
        other = Canvas(0, 0)
        other.codes, other._inks, other._styles = self.codes.copy(), self._inks.copy(), list(self._styles)
        return other

    def cells(self, top: int, left: int, codes: Codes, style: Style) -> None:
        """Draw a block of cells with its upper left corner at (top, left); blanks let through what lies behind."""
        height, width = codes.shape
        drawn = codes != BLANK
        self.codes[top : top + height, left : left + width][drawn] = codes[drawn]
        self._inks[top : top + height, left : left + width][drawn] = self._ink(style)

    def text(self, row: int, column: int, text: str, style: Style) -> None:
        """Write characters of one cell each; what does not fit is cut off. A wider one becomes a question mark."""
        if cell_len(text) != len(text):
            text = "".join(character if cell_len(character) == 1 else "?" for character in text)
        first, end = max(column, 0), min(column + len(text), self.width)
        if 0 <= row < self.height and first < end:
            self.codes[row, first:end] = [ord(character) for character in text[first - column : end - column]]
            self._inks[row, first:end] = self._ink(style)

    def is_blank(self, row: int, column: int) -> bool:
        return int(self.codes[row, column]) == BLANK

    def strips(self, ground: Style) -> list[Strip]:
        """The lines, each of exactly the canvas's width; ``ground`` is the style behind all inks."""
        styles = [ground + style for style in self._styles]
        return [self._strip(codes, inks, styles) for codes, inks in zip(self.codes, self._inks, strict=True)]

    def _strip(self, codes: Codes, inks: NDArray[np.int16], styles: list[Style]) -> Strip:
        text = codes.astype("<i4").tobytes().decode("utf-32-le")
        starts = [0, *(np.flatnonzero(np.diff(inks)) + 1).tolist(), len(text)]
        segments = [Segment(text[start:end], styles[inks[start]]) for start, end in pairwise(starts)]
        return Strip(segments, len(text))

    def _ink(self, style: Style) -> int:
        if style not in self._styles:
            self._styles.append(style)
        return self._styles.index(style)
