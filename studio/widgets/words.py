"""Text that costs nothing while it stays the same."""

from textual.content import Content
from textual.visual import VisualType
from textual.widgets import Static


class Words(Static):
    """A Static that is drawn again only for other words: screens say the same several times a second."""

    def update(self, content: VisualType = "", *, layout: bool = True) -> None:
        if not _same(content, self.content):
            super().update(content, layout=layout)


def _same(new: VisualType, old: VisualType) -> bool:
    # Two contents are equal to Textual when only their colours differ.
    if isinstance(new, Content) and isinstance(old, Content):
        return new.is_same(old)
    return type(new) is type(old) and new == old
