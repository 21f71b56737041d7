"""Rows of colour over time, below a plot and in line with it."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from studio.growing import Floats
from studio.heat import heat, shares
from studio.store import Series
from studio.widgets.plot_frame import Frame
from studio.widgets.ramp import SHADES, colors, steps


class HeatStrip(Widget):
    """One band of colour for each of an even number of series, the last one on top; two share a line of text."""

    COMPONENT_CLASSES = {"heat--words"}  # noqa: RUF012
    DEFAULT_CSS = """
    HeatStrip {
        height: 5;
        .heat--words { color: $foreground 55%; }
    }
    """

    ascii_only: reactive[bool] = reactive(False)

    def __init__(self, title: str, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = title
        self._series: tuple[Series, ...] = ()
        self._labels = ("", "")
        self._frame: Frame | None = None
        self._strips: list[Strip] | None = None

    def show(self, series: Sequence[Series], labels: tuple[str, str], frame: Frame) -> None:
        """Show series in the part of time that ``frame`` shows. ``labels``: of the first and the last of them."""
        self._series, self._labels, self._frame = tuple(series), labels, frame
        self._draw_anew()

    def _draw_anew(self) -> None:
        self._strips = None
        self.refresh()

    def on_mount(self) -> None:
        # The class that the app has where it is to draw in ASCII.
        self.ascii_only = self.ascii_only or self.app.has_class("-ascii")

    def watch_ascii_only(self) -> None:
        self._draw_anew()

    def on_resize(self) -> None:
        self._draw_anew()

    def render_line(self, y: int) -> Strip:
        if self._strips is None:
            self._strips = self._draw()
        strip = self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)
        return strip.apply_style(self.rich_style)

    def _draw(self) -> list[Strip]:
        frame = self._frame
        if frame is None or frame.left + frame.columns > self.size.width:
            return []
        values = heat(self._series, frame.first, frame.last, frame.columns)
        if not np.isfinite(values).any():
            return []
        # The last series on top.
        found = shares(values)[::-1]
        pairs = found.reshape(-1, 2, frame.columns)
        labels = [self._labels[1], *[""] * (len(pairs) - 2), self._labels[0]]
        lines = [self._caption(values)]
        for label, pair in zip(labels, pairs, strict=True):
            words = Segment(f"{label:>{frame.left - 1}} ", self._words)
            lines.append(Strip([words, *self._cells(pair)]))
        return lines

    @property
    def _words(self) -> Style:
        return self.get_component_rich_style("heat--words")

    @property
    def _without_color(self) -> bool:
        return self.ascii_only or self.app.no_color

    def _caption(self, values: Floats) -> Strip:
        """What the strip shows, and the ramp between its least and its greatest value."""
        assert self._frame is not None
        ends = [f"{value:.2g}" for value in (np.nanmin(values), np.nanmax(values))]
        ramp = np.linspace(0, 1, 8)[None].repeat(2, axis=0)
        title = Segment(" " * self._frame.left + f"{self._title}  {ends[0]} ", self._words)
        return Strip([title, *self._cells(ramp), Segment(f" {ends[1]}", self._words)]).crop(
            0, self.size.width
        )

    def _cells(self, pair: Floats) -> list[Segment]:
        """Two rows of shares [2, N] as one line of text."""
        if self._without_color:
            known = np.isfinite(pair)
            means = np.where(known, pair, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
            which = steps(np.where(known.any(axis=0), means, np.nan), len(SHADES))
            return [Segment("".join(" " if at < 0 else SHADES[at] for at in which), self._words)]
        ramp: list[Color] = colors(self.app.console.color_system)
        upper, lower = steps(pair, len(ramp))
        edges = np.flatnonzero(np.diff(upper) | np.diff(lower)) + 1
        return [
            _half_blocks(ramp, int(upper[start]), int(lower[start]), end - start)
            for start, end in pairwise([0, *edges.tolist(), pair.shape[1]])
        ]


def _half_blocks(ramp: list[Color], upper: int, lower: int, width: int) -> Segment:
    """Two colours above each other; -1 is none."""
    if upper < 0:
        return Segment(" " * width) if lower < 0 else Segment("▄" * width, Style(color=ramp[lower]))
    return Segment("▀" * width, Style(color=ramp[upper], bgcolor=None if lower < 0 else ramp[lower]))
