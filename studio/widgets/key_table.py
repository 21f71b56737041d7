"""Keys and what each of them does, in two columns."""

import textwrap
from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

_GAP = 2


class KeyTable(Widget):
    """As wide as there is room. A table of rich's is laid out anew for each look at its height and its lines, which
    took most of the time in which help opened."""

    DEFAULT_CSS = """
    KeyTable { height: auto; }
    """

    def __init__(self, rows: Sequence[tuple[str, str]], classes: str | None = None) -> None:
        """``rows``: pairs of keys and what they do."""
        super().__init__(classes=classes)
        self._rows = rows
        self._key_width = max((cell_len(key) for key, _ in rows), default=0)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return sum(len(self._wrapped(text, width)) for _, text in self._rows)

    def render(self) -> Content:
        lines: list[Content] = []
        for key, text in self._rows:
            first, *rest = self._wrapped(text, self.content_size.width)
            padding = " " * (self._key_width - cell_len(key))
            lines.append(Content.assemble(padding, (key, "bold $accent"), " " * _GAP, first))
            lines += [Content(" " * (self._key_width + _GAP) + line) for line in rest]
        return Content("\n").join(lines)

    def _wrapped(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(text, max(1, width - self._key_width - _GAP), break_on_hyphens=False) or [""]
