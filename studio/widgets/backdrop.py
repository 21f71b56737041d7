"""What is seen behind a window: the screen below it, toned down."""

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style as SegmentStyle
from textual.color import Color
from textual.css.styles import RulesMap
from textual.renderables.background_screen import BackgroundScreen
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual


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


@lru_cache(16384)  # a picture has a style for each of its cells
def _toned_down(style: SegmentStyle | None, tint: Color, below: SegmentStyle) -> SegmentStyle:
    if style is None:
        return below
    color, ground = (
        (Color.from_rich_color(one) + tint).rich_color if one else None
        for one in (style.color, style.bgcolor)
    )
    return below + style.clear_meta_and_links() + SegmentStyle.from_color(color, ground)
