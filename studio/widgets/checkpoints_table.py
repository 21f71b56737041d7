"""The table of a run's checkpoints."""

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from studio import figures
from studio.checkpoint_list import ListedCheckpoint, Verification, identity

KEPT = "★"
COLUMNS = (("Step", 9), (KEPT, 1), ("Size", 9), ("Age", 10), ("Condition", None))


class CheckpointsTable(DataTable[Text]):
    """Set the rows with ``show``; the cursor stays on its step. The footer says what enter does."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select_cursor", "Resume", show=False)]

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id, cursor_type="row")
        self._shown: tuple[ListedCheckpoint, ...] = ()

    def on_mount(self) -> None:
        for label, width in COLUMNS:
            self.add_column(label, key=label, width=width)

    @property
    def chosen(self) -> ListedCheckpoint | None:
        """The checkpoint under the cursor."""
        return self._shown[self.cursor_row] if 0 <= self.cursor_row < len(self._shown) else None

    def show(self, listed: tuple[ListedCheckpoint, ...], verifying: Verification | None) -> None:
        """Show checkpoints, newest first; one of them may be being verified."""
        chosen = self.chosen
        same_rows = [one.checkpoint.path for one in listed] == [one.checkpoint.path for one in self._shown]
        self._shown = listed
        rows = [self._cells(one, verifying) for one in listed]
        if same_rows:
            self._update_rows(rows)
            return
        self.clear()
        for one, cells in zip(listed, rows, strict=True):
            self.add_row(*cells, key=str(one.step))
        places = [at for at, one in enumerate(listed) if chosen and one.step == chosen.step]
        if places:
            self.move_cursor(row=places[0])

    def _update_rows(self, rows: list[list[Text]]) -> None:
        for one, cells in zip(self._shown, rows, strict=True):
            for column, cell in zip(self.columns, cells, strict=True):
                if self.get_cell(str(one.step), column) != cell:
                    self.update_cell(str(one.step), column, cell, update_width=True)

    def _cells(self, one: ListedCheckpoint, verifying: Verification | None) -> list[Text]:
        return [
            Text(f"{one.step:,}", "bold", justify="right"),
            Text(KEPT if one.kept else "", self.app.theme_variables["accent"]),
            Text(figures.size(one.checkpoint.size), justify="right"),
            Text(figures.age(one.checkpoint.time), "dim"),
            self._condition(one, verifying),
        ]

    def _condition(self, one: ListedCheckpoint, verifying: Verification | None) -> Text:
        colors = self.app.theme_variables
        if one.problem:
            return Text(f"✗ {one.problem}", colors["state-failed"])
        if verifying and identity(one.checkpoint) == verifying.identity:
            return Text(f"◌ {verifying.job.words}", colors["state-preparing"])
        return Text("✓ whole" if one.verified is None else "✓ verified", colors["state-finished"])
