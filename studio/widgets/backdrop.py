"""What is seen behind a window: the screen below it, toned down."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.color import Color as SegmentColor
from rich.segment import Segment
from rich.style import Style as SegmentStyle
from textual.color import Color
from textual.css.styles import RulesMap
from textual.renderables.background_screen import BackgroundScreen
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual

if TYPE_CHECKING:
    from rich.console import Console


class Backdrop(Visual):
    """Draws what Textual's BackgroundScreen does, a third as slowly.

    That one mixes the colours of every piece of the screen anew and has rich cut the result into lines. This was half
    of the time in which a window opened.
    """

    def __init__(self, seen_through: BackgroundScreen) -> None:
        self._screen, self._tint = seen_through.screen, seen_through.color

    def render_strips(
        self, width: int, height: int | None, style: Style, options: RenderOptions
    ) -> list[Strip]:
        below = style.rich_style
        # Textual's own goes the same way to what lies below: there is no public one.
        return [self._toned_down(strip, below) for strip in self._screen._compositor.render_strips()[:height]]

    def _toned_down(self, strip: Strip, below: SegmentStyle) -> Strip:
        tint = self._tint
        segments = [Segment(text, _toned_down(style, tint, below)) for text, style, _ in strip]
        return Strip(segments, strip.cell_length)

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        return container_width

    def get_height(self, rules: RulesMap, width: int) -> int:
        return self._screen.size.height


class AsItIs(Strip):
    """A line, or a part of one, that stays as the terminal shows it."""

    def __init__(self, width: int) -> None:
        super().__init__([Segment(" " * width)], width)

    def render(self, console: "Console") -> str:
        return f"\x1b[{self.cell_length}C" if self.cell_length else ""

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        starts = [0, *(cuts := list(cuts))]
        return [AsItIs(end - start) for start, end in zip(starts, cuts, strict=False)]

    def crop(self, start: int, end: int | None = None) -> Strip:
        end = self.cell_length if end is None else min(end, self.cell_length)
        return AsItIs(max(0, end - start))


@lru_cache(16384)  # a picture has a style for each of its cells
def _toned_down(style: SegmentStyle | None, tint: Color, below: SegmentStyle) -> SegmentStyle:
    if style is None:
        return below
    color, ground = (_mixed(one, tint) if one else None for one in (style.color, style.bgcolor))
    toned = SegmentStyle.from_color(color, ground)
    if color and ground and style.without_color == _COLORS_ALONE:
        return toned  # adding styles takes longer than all else, and each new picture has thousands
    return below + style.clear_meta_and_links() + toned


@lru_cache(16384)
def _mixed(color: SegmentColor, tint: Color) -> SegmentColor:
    return (Color.from_rich_color(color) + tint).rich_color


_COLORS_ALONE = SegmentStyle.from_color(SegmentColor.default()).without_color
