"""What a plot shows: its lines, each with a colour and a glyph of its own, and marks beside them."""

from collections.abc import Mapping
from dataclasses import dataclass

from studio.series_looks import ASCII_GLYPHS, MOST_SERIES, SERIES_COLORS, SERIES_GLYPHS, SeriesLook
from studio.store import Columns, Series


@dataclass(frozen=True)
class Line:
    """A series on a plot. ``number`` gives its colour and its glyph; without one it has the theme's two colours.

    ``band``: whether the raw values are a dim band behind it. ``smooth``: whether the line is the moving average,
    else the values themselves, their mean where several fall into one column.
    """

    series: Series
    label: str
    number: int | None = None
    band: bool = True
    smooth: bool = True

    def color(self, theme: Mapping[str, str]) -> str | None:
        """Its colour in a theme, or on a dark ground where the theme knows nothing of series."""
        if self.number is None:
            return None
        look = SeriesLook(self.number % MOST_SERIES)
        return theme.get(look.variable, SERIES_COLORS[look.number])

    def columns(self, first: float, last: float, count: int) -> Columns:
        """What to draw of it in ``count`` equal parts of [first, last]."""
        return self.series.columns(first, last, count, "average" if self.smooth else "values", band=self.band)

    def glyph(self, ascii_only: bool) -> str:
        glyphs = ASCII_GLYPHS if ascii_only else SERIES_GLYPHS
        return glyphs[(self.number or 0) % len(glyphs)]


@dataclass(frozen=True)
class Mark:
    """Something that happened at x: at the height ``y`` of a curve, or without it at every height."""

    x: float
    glyph: str
    words: str
    y: float | None = None

    def glyph_for(self, ascii_only: bool) -> str:
        """Its glyph, or an exclamation mark where only ASCII is shown."""
        return "!" if ascii_only and not self.glyph.isascii() else self.glyph
