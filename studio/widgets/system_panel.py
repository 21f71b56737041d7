"""The figures of the machine: a panel of bars, or one line where there is no room for it."""

import textwrap
from collections.abc import Mapping

from textual.content import Content
from textual.visual import VisualType

from studio.figures import shortened
from studio.sysmon import MachineFigures
from studio.system_rows import SystemRow, system_line, system_rows
from studio.widgets.bar import small_bar
from studio.widgets.words import Words, widths

_NAME = 7
_LONGEST_HOST = 20


class SystemPanel(Words):
    """Rows of figures with bars. Its height is that of its rows."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__("measuring …", id=id)
        self._rows: list[SystemRow] = []

    def on_mount(self) -> None:
        self.border_title = "system"

    def show(self, machine: MachineFigures, trainer: Mapping[str, int]) -> None:
        """Show new figures; ``trainer``: the memory that the trainer told last."""
        host = shortened(machine.elsewhere, _LONGEST_HOST)
        title = f"system · this machine, not {host}" if host else "system"
        if self.border_title != title:  # setting it paints the panel, though it is the same
            self.border_title = title
        self._rows = system_rows(machine, trainer)
        self._write()

    def on_resize(self) -> None:
        self._write()

    def _write(self) -> None:
        if self._rows and self.size.width:
            lines = [line for row in self._rows for line in _lines(row, self.content_size.width)]
            self.update(Content("\n").join(lines))

    def takes_same_room(self, new: VisualType) -> bool:
        """Its width is that of its column, so that only another number of lines takes other room."""
        return len(widths(new)) == len(widths(self.content))


class SystemLine(Words):
    """The same in one line."""

    def show(self, machine: MachineFigures) -> None:
        self.update(Content.styled(system_line(machine, self.content_size.width), "$muted"))


def _lines(row: SystemRow, width: int) -> list[Content]:
    bar_width = max(4, min(24, width - _NAME - 28))
    bar = "" if row.share is None else small_bar(row.share, bar_width)
    name = Content.styled(f"{row.name:<{_NAME}}", "$muted")
    color = "$text-error" if row.is_high else "$primary"
    first = Content.assemble(
        name, (bar, color), " " if bar else "", (row.figure, "bold"), " " if row.figure else ""
    )
    if not row.note or first.cell_length + len(row.note) <= width:
        return [first + Content.styled(row.note, "$muted")]
    below = [
        Content.styled(" " * _NAME + line, "$muted")
        for line in textwrap.wrap(row.note, max(8, width - _NAME))
    ]
    return [first, *below] if row.figure else below
