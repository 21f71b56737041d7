"""Keys and what each of them does, in two columns."""

import textwrap
from collections.abc import Iterator, Sequence
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.css.styles import RulesMap
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual
from textual.widget import Widget

_GAP = 2
Rows = Sequence[tuple[str, str]]


class KeyTable(Widget):
    """As wide as there is room. ``rows``: pairs of keys and what they do."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    KeyTable { height: auto; }
    """

    def __init__(self, rows: Rows, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self._table = _Table(rows)

    def render(self) -> Visual:
        return self._table


class _Table(Visual):
    """Makes its pieces itself: a table of rich's, and then Textual's Content, took most of the time in which help
    opened."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._key_width = max((cell_len(key) for key, _ in rows), default=0)

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        return container_width

    def get_height(self, rules: RulesMap, width: int) -> int:
        return len(list(self._lines(width)))

    def render_strips(
        self, width: int, height: int | None, style: Style, options: RenderOptions
    ) -> list[Strip]:
        plain = style.rich_style
        bold = (style + options.get_style("bold $accent")).rich_style
        lines = list(self._lines(width))[:height]
        return [
            Strip([Segment(key, bold), Segment(text, plain)]).extend_cell_length(width, plain)
            for key, text in lines
        ]

    def _lines(self, width: int) -> Iterator[tuple[str, str]]:
        """What stands in the two columns of each line."""
        for key, text in self._rows:
            padding, gap = " " * (self._key_width - cell_len(key)), " " * _GAP
            first, *rest = _wrapped(text, max(1, width - self._key_width - _GAP))
            yield padding + key, gap + first
            for line in rest:
                yield " " * self._key_width, gap + line


@lru_cache(1024)  # asked for the height first, and again when help is next opened
def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False) or [""]
