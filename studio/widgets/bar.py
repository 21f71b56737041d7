"""A thin bar that fills from the left."""

from rich.segment import Segment
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget


class Bar(Widget):
    """Shows a share from 0 to 1 in half-character steps."""

    COMPONENT_CLASSES = {"bar--done", "bar--left"}  # noqa: RUF012
    DEFAULT_CSS = """
    Bar {
        height: 1;
        .bar--done { color: $primary; }
        .bar--left { color: $foreground 18%; }
    }
    """

    share: reactive[float] = reactive(0.0)

    def render_line(self, y: int) -> Strip:
        halves = round(min(1.0, max(0.0, self.share)) * self.size.width * 2)
        full, half = divmod(halves, 2)
        done, left = self.get_component_rich_style("bar--done"), self.get_component_rich_style("bar--left")
        rest = self.size.width - full - half
        strip = Strip([Segment("━" * full + "╸" * half, done), Segment("─" * rest, left)])
        return strip.apply_style(self.rich_style)


def small_bar(share: float, width: int = 6) -> str:
    """A bar inside a line of text."""
    full = round(min(1.0, max(0.0, share)) * width)
    return "▰" * full + "▱" * (width - full)
