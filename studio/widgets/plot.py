"""A curve in braille dots: the raw values as a dim band, their moving average bright in front of it."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from studio.store import Floats, Series, column_extremes
from studio.widgets.axis import linear_ticks, log_ticks, tick_text
from studio.widgets.braille import BLANK, Board

_LABEL_WIDTH = 7


@dataclass(frozen=True)
class _Scale:
    """From a value to a dot row counted from below."""

    low: float
    high: float
    log: bool
    dots: int

    def level(self, value: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            position = (
                np.log10(np.maximum(value, 1e-300)) if self.log else np.asarray(value, dtype=np.float64)
            )
        low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
        scaled: Floats = np.clip((position - low) / (high - low), 0, 1) * (self.dots - 1)
        return scaled


class Plot(Widget):
    """Plots one series that is updated in place; call ``redraw`` after it has changed."""

    COMPONENT_CLASSES = {"plot--raw", "plot--smooth", "plot--axis", "plot--empty"}  # noqa: RUF012
    DEFAULT_CSS = """
    Plot {
        .plot--raw { color: $primary 55%; }
        .plot--smooth { color: $accent; text-style: bold; }
        .plot--axis { color: $foreground 55%; }
        .plot--empty { color: $foreground 55%; text-style: italic; }
    }
    """

    log_axis: reactive[bool] = reactive(True)

    def __init__(self, series: Series, *, empty: str = "nothing to plot yet", id: str | None = None) -> None:
        super().__init__(id=id)
        self.series = series
        self.empty = empty
        self._strips: list[Strip] = []
        self._drawn_for: tuple[object, ...] = ()

    def redraw(self) -> None:
        """Draw the series as it is now."""
        self._drawn_for = ()
        self.refresh()

    def watch_log_axis(self) -> None:
        self.redraw()

    def render_line(self, y: int) -> Strip:
        drawn_for = (self.size, len(self.series), self.log_axis, self.app.theme, self.visual_style)
        if self._drawn_for != drawn_for:
            self._drawn_for = drawn_for
            self._strips = self._draw(self.size.width, self.size.height)
        strip = self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)
        return strip.apply_style(self.rich_style)

    def _draw(self, width: int, height: int) -> list[Strip]:
        columns, rows = width - _LABEL_WIDTH, height - 1
        if columns < 8 or rows < 2:
            return [self._words("too small to plot", width)]
        finite = np.isfinite(self.series.y)
        if not finite.any():
            blank = [Strip.blank(width)] * (height // 2)
            return [*blank, self._words(self.empty, width)]
        scale = self._scale(self.series.y[finite], rows * 4)
        body = self._body(scale, columns, rows)
        labels = self._y_labels(scale, rows)
        return [self._row(labels.get(row, ""), body[row]) for row in range(rows)] + [self._x_axis(columns)]

    def _scale(self, values: Floats, dots: int) -> _Scale:
        log = self.log_axis and bool((values > 0).any())
        if log:
            values = values[values > 0]
        low, high = float(values.min()), float(values.max())
        if log:
            low, high = (low / 1.1, high * 1.1) if low < high else (low / 2, high * 2)
        elif low == high:
            low, high = low - 0.5, high + 0.5
        return _Scale(low, high, log, dots)

    def _body(self, scale: _Scale, columns: int, rows: int) -> list[list[Segment]]:
        series = self.series
        first, last = float(series.x[0]), float(series.x[-1])
        missing = ~np.isfinite(series.y)
        gaps = ~np.isnan(
            column_extremes(series.x[missing], np.zeros(missing.sum()), first, last, columns * 2)[0]
        )
        raw, smooth = Board(columns, rows), Board(columns, rows)
        low, high = column_extremes(series.x, series.y, first, last, columns * 2)
        raw.bars(scale.level(low), scale.level(high))
        raw.line(scale.level((low + high) / 2), gaps & np.isnan(low))
        low, high = column_extremes(series.x, series.smooth, first, last, columns * 2)
        smooth.line(scale.level((low + high) / 2), gaps & np.isnan(low))
        return self._segments(raw, smooth)

    def _segments(self, raw: Board, smooth: Board) -> list[list[Segment]]:
        behind, before = (
            self.get_component_rich_style("plot--raw"),
            self.get_component_rich_style("plot--smooth"),
        )
        lines = []
        for raw_row, smooth_row in zip(raw.cells(), smooth.cells(), strict=True):
            in_front = smooth_row != BLANK
            codes = np.where(in_front, smooth_row, raw_row)
            starts = [0, *(np.flatnonzero(np.diff(in_front)) + 1), len(codes)]
            lines.append(
                [
                    Segment("".join(map(chr, codes[start:end])), before if in_front[start] else behind)
                    for start, end in pairwise(starts)
                ]
            )
        return lines

    def _y_labels(self, scale: _Scale, rows: int) -> dict[int, str]:
        ticks = (log_ticks if scale.log else linear_ticks)(scale.low, scale.high, max(3, rows // 2))
        labels: dict[int, str] = {}
        for tick in ticks:
            row = rows - 1 - int(float(scale.level(np.array(tick))) // 4)
            labels.setdefault(row, tick_text(tick))
        return labels

    def _row(self, label: str, body: list[Segment]) -> Strip:
        axis = self.get_component_rich_style("plot--axis")
        mark = "┤" if label else "│"
        return Strip([Segment(f"{label:>{_LABEL_WIDTH - 1}}{mark}", axis), *body])

    def _x_axis(self, columns: int) -> Strip:
        first, last = float(self.series.x[0]), float(self.series.x[-1])
        text = [" "] * (columns + _LABEL_WIDTH)
        taken = -1
        for tick in linear_ticks(first, last, max(1, columns // 10)) or [first]:
            label = tick_text(tick)
            at = _LABEL_WIDTH + (
                round((tick - first) / (last - first) * (columns - 1)) if last > first else 0
            )
            start = min(max(at - len(label) // 2, taken + 1), len(text) - len(label))
            if start <= taken:
                continue
            text[start : start + len(label)] = label
            taken = start + len(label)
        return Strip([Segment("".join(text), self.get_component_rich_style("plot--axis"))])

    def _words(self, words: str, width: int) -> Strip:
        style: Style = self.get_component_rich_style("plot--empty")
        return Strip([Segment(words[:width].center(width), style)])
