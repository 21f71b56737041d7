"""Text that costs nothing while it stays the same."""

from textual.content import Content
from textual.visual import VisualType
from textual.widgets import Static


class Words(Static):
    """A Static that is drawn again only for other words: screens say the same several times a second.

    The screen is laid out again only for words that may take other room: that costs as much as drawing half of it.
    """

    def update(self, content: VisualType = "", *, layout: bool = True) -> None:
        if not _same(content, self.content):
            super().update(content, layout=layout and not self.takes_same_room(content))

    def takes_same_room(self, new: VisualType) -> bool:
        """Whether each line is as long as the one before it was, and none is so long that it may be broken."""
        before, after = widths(self.content), widths(new)
        return before == after != [] and max(after) <= self.content_size.width


def _same(new: VisualType, old: VisualType) -> bool:
    # Two contents are equal to Textual when only their colours differ.
    if isinstance(new, Content) and isinstance(old, Content):
        return new.is_same(old)
    return type(new) is type(old) and new == old


def widths(content: VisualType) -> list[int]:
    """The cells of each line of a text; none of what is no text."""
    lines = content.split("\n", allow_blank=True) if isinstance(content, Content) else []
    return [line.cell_length for line in lines]
