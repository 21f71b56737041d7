"""A small panel with the curves of two schedules over the way from image to noise, and a line where one stands."""

import math
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from studio.widgets.axis import linear_ticks, tick_text
from studio.widgets.braille import BLANK, Board

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]
Axis = Literal["linear", "log", "share"]

_LABEL_WIDTH = 7
# The second curve is dashed, so that it can be told from the first without colours: so many dots of so many.
_DASH, _DASH_EVERY = 4, 6


@dataclass(frozen=True, eq=False)
class Shown:
    """Two curves over their own t, each [T], the t of each that is looked at, and both values there as text."""

    first: Floats
    second: Floats
    t_first: int
    t_second: int
    texts: tuple[str, str]


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    log: bool

    def level(self, values: Floats, dots: int) -> Floats:
        """Values as dot rows counted from below; NaN stays NaN."""
        low, high = (np.log10([self.low, self.high])) if self.log else (self.low, self.high)
        with np.errstate(divide="ignore", invalid="ignore"):
            position = np.log10(values) if self.log else values
        scaled: Floats = np.clip((position - low) / (high - low), 0, 1) * (dots - 1)
        return scaled


class CurvesPanel(Widget):
    """One quantity of schedules A and B; ``axis``: share is linear from 0 to 1."""

    COMPONENT_CLASSES = {  # noqa: RUF012
        "curves--first",
        "curves--second",
        "curves--cursor",
        "curves--axis",
        "curves--name",
    }
    DEFAULT_CSS = """
    CurvesPanel {
        .curves--first { color: $series-a; text-style: bold; }
        .curves--second { color: $series-b; }
        .curves--cursor { color: $foreground 45%; }
        .curves--axis { color: $foreground 55%; }
        .curves--name { color: $foreground; text-style: bold; }
    }
    """

    def __init__(self, symbol: str, meaning: str, axis: Axis, id: str | None = None) -> None:
        """``meaning`` of the symbol: words that are shown where there is room for them."""
        super().__init__(id=id)
        self._symbol, self._meaning = symbol, meaning
        self._axis = axis
        self._shown: Shown | None = None
        self._strips: list[Strip] = []
        self._drawn_for: tuple[object, ...] = ()

    def show(self, shown: Shown) -> None:
        """Draw other curves, or the same at another t."""
        self._shown = shown
        self.refresh()

    def render_line(self, y: int) -> Strip:
        drawn_for = (self.size, self._shown, self.app.theme, self.visual_style)
        if self._drawn_for != drawn_for:
            self._drawn_for = drawn_for
            self._strips = self._draw(self.size.width, self.size.height)
        line = self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)
        return line.adjust_cell_length(self.size.width).apply_style(self.rich_style)

    def _draw(self, width: int, height: int) -> list[Strip]:
        shown, columns, rows = self._shown, width - _LABEL_WIDTH, height - 2
        if shown is None or columns < 6 or rows < 1:
            return [Strip([Segment(self._symbol, self._style("name"))])]
        scale = self._scale(shown)
        boards = [self._board(values, scale, columns, rows) for values in (shown.first, shown.second)]
        boards[1].dots[:, np.arange(columns * 2) % _DASH_EVERY >= _DASH] = False
        cells = [board.cells() for board in boards]
        share = shown.t_first / max(1, len(shown.first) - 1)
        cursor = round(share * (columns - 1))
        labels = self._labels(scale, rows)
        return [
            Strip(self._heading(shown, width)),
            *(
                Strip([self._label(labels.get(row, "")), *self._row(cells[0][row], cells[1][row], cursor)])
                for row in range(rows)
            ),
            self._x_axis(shown, columns, cursor),
        ]

    def _style(self, part: str) -> Style:
        return self.get_component_rich_style(f"curves--{part}")

    def _heading(self, shown: Shown, width: int) -> list[Segment]:
        """What is drawn, and both values where one stands."""
        texts = [f"  A {shown.texts[0]}", f"  B {shown.texts[1]}"]
        room = width - sum(map(len, texts))
        whole = f"{self._symbol}, {self._meaning}"
        return [
            Segment(whole if len(whole) <= room else self._symbol, self._style("name")),
            Segment(texts[0], self._style("first")),
            Segment(texts[1], self._style("second")),
        ]

    def _scale(self, shown: Shown) -> _Scale:
        if self._axis == "share":
            return _Scale(0.0, 1.0, log=False)
        values = np.concatenate([shown.first, shown.second])
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        if self._axis == "log":
            return _Scale(low / 1.2, high * 1.2, log=True)
        return _Scale(low - 0.5, high + 0.5, log=False)

    def _board(self, values: Floats, scale: _Scale, columns: int, rows: int) -> Board:
        """A curve has no detail finer than a dot: a value for each dot column, taken between its neighbours."""
        at = np.linspace(0, len(values) - 1, columns * 2)
        known = np.where(np.isfinite(values), values, np.nan)
        board = Board(columns, rows)
        level = scale.level(np.interp(at, np.arange(len(values)), known), rows * 4)
        board.line(np.arange(columns * 2.0), level, np.isnan(level))
        return board

    def _row(self, first: Codes, second: Codes, cursor: int) -> list[Segment]:
        """A line of cells: where both curves pass, the first is in front."""
        parts = np.where(first != BLANK, 0, np.where(second != BLANK, 1, 2))
        codes = np.where(parts == 0, first, second)
        looks = [
            (("first", "second", "axis")[part], chr(code))
            for part, code in zip(parts.tolist(), codes.tolist(), strict=True)
        ]
        if looks[cursor][1] == " ":
            looks[cursor] = ("cursor", "│")
        return [
            Segment("".join(text for _, text in cells), self._style(part))
            for part, cells in groupby(looks, key=lambda look: look[0])
        ]

    def _labels(self, scale: _Scale, rows: int) -> dict[int, str]:
        ticks = (_decades if scale.log else linear_ticks)(scale.low, scale.high, max(2, rows // 2))
        labels: dict[int, str] = {}
        for tick in ticks:
            level = float(scale.level(np.array([tick]), rows * 4)[0])
            labels.setdefault(rows - 1 - int(level // 4), tick_text(tick))
        return labels

    def _label(self, text: str) -> Segment:
        mark = "┤" if text else "│"
        return Segment(f"{text:>{_LABEL_WIDTH - 1}}{mark}", self._style("axis"))

    def _x_axis(self, shown: Shown, columns: int, cursor: int) -> Strip:
        """The first and the last t of A, and between them, where there is room, the one that is looked at."""
        last, here = str(len(shown.first) - 1), f"{shown.t_first}"
        line = list("0".ljust(columns))
        line[columns - len(last) :] = last
        start = min(max(cursor - len(here) // 2, 0), columns - len(here))
        axis, name = self._style("axis"), self._style("name")
        before, after = "".join(line[:start]), "".join(line[start + len(here) :])
        if start < 2 or start + len(here) > columns - len(last) - 1:
            return Strip([Segment(" " * _LABEL_WIDTH + "".join(line), axis)])
        return Strip([Segment(" " * _LABEL_WIDTH + before, axis), Segment(here, name), Segment(after, axis)])


def _decades(low: float, high: float, most: int) -> list[float]:
    """At most ``most`` powers of ten within [low, high], evenly apart, with the greatest of them."""
    exponents = range(math.floor(math.log10(high)), math.ceil(math.log10(low)) - 1, -1)
    return [10.0**exponent for exponent in exponents[:: max(1, math.ceil(len(exponents) / most))]]
