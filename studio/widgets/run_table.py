"""The table of runs. Draws the lines that are on screen and no others, so that a thousand runs cost what thirty do."""

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from studio.run_columns import GAP, Column, Key, cell, column_at, columns_for
from studio.run_list import RunRow
from studio.run_state import LOOKS
from studio.run_summaries import RunSummary

MARK_WIDTH = 2
_DIM: tuple[Key, ...] = ("changed", "tags", "img_per_s")


class RunTable(ScrollView, can_focus=True):
    """Set the rows with ``show``; the cursor stays on its run while others come, go and change places."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open"),
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "move_to(0)", show=False),
        Binding("end", "move_to(-1)", show=False),
    ]
    COMPONENT_CLASSES = {  # noqa: RUF012
        "table--header",
        "table--ordered",
        "table--name",
        "table--dim",
        "table--curve",
        "table--cursor",
        "table--blurred",
    }
    DEFAULT_CSS = """
    RunTable {
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        .table--header { color: $muted; }
        .table--ordered { color: $foreground; text-style: bold; }
        .table--name { text-style: bold; }
        .table--dim { color: $muted; }
        .table--curve { color: $primary 80%; }
        .table--cursor { background: $primary 25%; }
        .table--blurred { background: $primary 12%; }
    }
    """

    class Highlighted(Message):
        """The cursor is on another run, or on one for the first time."""

    class Selected(Message):
        """Enter or a second click on the run under the cursor."""

    class HeaderClicked(Message):
        def __init__(self, key: Key) -> None:
            self.key = key
            super().__init__()

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor = 0
        self._wanted = ""
        self._rows: Sequence[RunRow] = ()
        self._ordered: Key = "changed"
        self._columns: list[Column] = []
        self._drawn: dict[int, list[str]] = {}
        self._base: Style | None = None

    @property
    def chosen(self) -> RunSummary | None:
        """The run under the cursor."""
        return self._rows[self.cursor].summary if self.cursor < len(self._rows) else None

    @property
    def in_sight(self) -> list[RunSummary]:
        """The runs that are on screen."""
        first = self.scroll_offset.y
        return [row.summary for row in self._rows[first : first + max(1, self.size.height - 1)]]

    def show(self, rows: Sequence[RunRow], ordered: Key) -> None:
        """Show these rows in this order, with the column marked that they are ordered by."""
        before = self.chosen
        changed_places = [row.summary.name for row in rows] != [row.summary.name for row in self._rows]
        self._rows = rows
        if changed_places:
            self._follow(before)
        self._fit(ordered)
        if changed_places:
            self.virtual_size = Size(1, len(rows) + 1)
            self._keep_in_sight()
            self.refresh()
        else:
            self._refresh_changed()
        if (self.chosen and self.chosen.name) != (before and before.name):
            self.post_message(self.Highlighted())

    def wish_for(self, name: str) -> None:
        """Put the cursor on the run of this name as soon as it is shown."""
        self._wanted = name

    def _follow(self, before: RunSummary | None) -> None:
        """Put the cursor on the run that a person chose; while a filter hides it, on the one it was on."""
        places = {row.summary.name: at for at, row in enumerate(self._rows)}
        known = [name for name in (self._wanted, before.name if before else "") if name in places]
        self.cursor = places[known[0]] if known else max(0, min(self.cursor, len(self._rows) - 1))
        if not self._wanted and self.chosen is not None:
            self._wanted = self.chosen.name

    def _fit(self, ordered: Key) -> None:
        longest = max((cell_len(row.summary.name) for row in self._rows), default=0)
        columns = columns_for(self.size.width - MARK_WIDTH, longest)
        if (columns, ordered) != (self._columns, self._ordered):
            self._columns, self._ordered = columns, ordered
            self.refresh()

    def _refresh_changed(self) -> None:
        for y, texts in list(self._drawn.items()):
            at = y - 1 + self.scroll_offset.y
            if at < len(self._rows) and self._texts(self._rows[at]) != texts:
                self.refresh_line(y + self.scroll_offset.y)

    def on_resize(self) -> None:
        self._fit(self._ordered)
        self._keep_in_sight()
        self._drawn = {y: texts for y, texts in self._drawn.items() if y < self.size.height}

    # Drawing

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._base = None

    @property
    def _base_style(self) -> Style:
        # Kept, as Textual gathers it from all the ancestors for every line.
        if self._base is None:
            self._base = self.rich_style
        return self._base

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self._header()
        at = y - 1 + self.scroll_offset.y
        if at >= len(self._rows):
            self._drawn.pop(y, None)
            return Strip.blank(self.size.width, self._base_style)
        self._drawn[y] = self._texts(self._rows[at])
        line = self._line(self._rows[at], self._drawn[y])
        if at == self.cursor:
            cursor = "table--cursor" if self.has_focus else "table--blurred"
            line = line.apply_style(Style(bgcolor=self.get_component_rich_style(cursor).bgcolor))
        return line.apply_style(self._base_style)

    def _texts(self, row: RunRow) -> list[str]:
        mark = f"{row.look.glyph} " if row.look else "  "
        return [mark, *(cell(row.summary, column) for column in self._columns)]

    def _header(self) -> Strip:
        segments = [Segment(" " * MARK_WIDTH)]
        for column in self._columns:
            ordered = column.key == self._ordered
            style = self.get_component_rich_style(
                "table--ordered" if ordered else "table--header", partial=True
            )
            arrow = "▴" if column.key in ("name", "loss") else "▾"
            segments += self._cell(f"{column.label}{arrow}" if ordered else column.label, column, style)
        return Strip(segments).adjust_cell_length(self.size.width).apply_style(self._base_style)

    def _line(self, row: RunRow, texts: list[str]) -> Strip:
        segments = [
            Segment(texts[0], Style(color=self.app.theme_variables[row.look.variable]) if row.look else None)
        ]
        for column, text in zip(self._columns, texts[1:], strict=True):
            segments += self._cell(text, column, self._style(row.summary, column))
        return Strip(segments).adjust_cell_length(self.size.width)

    def _cell(self, text: str, column: Column, style: Style | None) -> list[Segment]:
        padding = " " * max(0, column.width - cell_len(text)) if column.right else ""
        return [Segment(set_cell_size(padding + text, column.width), style), Segment(" " * GAP)]

    def _style(self, summary: RunSummary, column: Column) -> Style | None:
        if column.key == "state":
            return Style.parse(self.app.theme_variables[LOOKS[summary.state].variable])
        if column.key == "name":
            return self.get_component_rich_style("table--name", partial=True)
        if column.key == "losses":
            return self.get_component_rich_style("table--curve", partial=True)
        return self.get_component_rich_style("table--dim", partial=True) if column.key in _DIM else None

    # The cursor

    def _put_cursor(self, at: int) -> None:
        at = max(0, min(at, len(self._rows) - 1))
        if at == self.cursor or not self._rows:
            return
        before, self.cursor = self.cursor, at
        self._wanted = self._rows[at].summary.name
        for changed in (before, at):
            self.refresh_line(changed + 1)
        self._keep_in_sight()
        self.post_message(self.Highlighted())

    def _keep_in_sight(self) -> None:
        lines, top = max(1, self.size.height - 1), self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif self.cursor >= top + lines:
            self.scroll_to(y=self.cursor - lines + 1, animate=False, force=True)

    def on_focus(self) -> None:
        self.refresh_line(self.cursor + 1)

    def on_blur(self) -> None:
        self.refresh_line(self.cursor + 1)

    def action_move(self, by: int) -> None:
        self._put_cursor(self.cursor + by)

    def action_page(self, direction: int) -> None:
        self._put_cursor(self.cursor + direction * max(1, self.size.height - 2))

    def action_move_to(self, at: int) -> None:
        self._put_cursor(at if at >= 0 else len(self._rows) - 1)

    def action_select(self) -> None:
        if self.chosen is not None:
            self.post_message(self.Selected())

    def on_click(self, event: events.Click) -> None:
        if event.y == 0:
            if column := column_at(self._columns, event.x - MARK_WIDTH):
                self.post_message(self.HeaderClicked(column.key))
            return
        at = event.y - 1 + self.scroll_offset.y
        if at == self.cursor:
            self.action_select()
        elif at < len(self._rows):
            self._put_cursor(at)
