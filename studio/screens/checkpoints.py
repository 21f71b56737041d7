"""The checkpoints of a run: which are whole, and going on or drawing from any of them."""

import asyncio
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import DataTable

from ddpm.checkpoint import Checkpoint, verify
from ddpm.runs import Run
from studio import figures, messages
from studio.actions import Place, bindings
from studio.screens.base import StudioScreen
from studio.widgets.words import Words
from studio.workshop import Workshop


class CheckpointsTable(DataTable[Text]):
    """A table of which the footer says what enter does."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select_cursor", "Resume", show=False)]


class CheckpointsScreen(StudioScreen):
    place: ClassVar[Place] = "checkpoints"
    BINDINGS: ClassVar[list[BindingType]] = bindings("checkpoints")

    def __init__(self, workshop: Workshop, run: Run) -> None:
        super().__init__(workshop, run.name, " › Checkpoints")
        self.run = run
        self._shown: list[Checkpoint] = []
        self._verifying: tuple[int, float] | None = None
        self._training = False
        self._keys_for: tuple[object, ...] = ()
        self._verified: dict[tuple[int, float], str] = {}

    def body(self) -> list[Widget]:
        return [
            CheckpointsTable(id="checkpoints-table", cursor_type="row"),
            Words("", id="checkpoints-words", markup=False),
        ]

    def on_mount(self) -> None:
        table = self.query_one(CheckpointsTable)
        for label, width in (("Step", 9), ("Written", 16), ("Age", 10), ("Size", 9), ("Condition", None)):
            table.add_column(label, key=label, width=width)
        table.focus()
        self.follow(self._look)

    async def _look(self) -> float:
        found = await asyncio.to_thread(self.run.checkpoints)
        training = await asyncio.to_thread(self.run.is_training)
        if self.is_there:
            self._training = training
            self._show(found[::-1])
        return 1.0

    def _show(self, checkpoints: list[Checkpoint]) -> None:
        table = self.query_one(CheckpointsTable)
        if [other.path for other in checkpoints] != [other.path for other in self._shown]:
            chosen = self._chosen()
            table.clear()
            for checkpoint in checkpoints:
                table.add_row(*self._cells(checkpoint), key=str(checkpoint.step))
            places = [at for at, other in enumerate(checkpoints) if chosen and other.step == chosen.step]
            if places:
                table.move_cursor(row=places[0])
        else:
            for checkpoint in checkpoints:
                for column, cell in zip(table.columns, self._cells(checkpoint), strict=True):
                    if table.get_cell(str(checkpoint.step), column) != cell:
                        table.update_cell(str(checkpoint.step), column, cell, update_width=True)
        self._shown = checkpoints
        self._chosen_changed()

    def _chosen_changed(self) -> None:
        self._show_words()
        chosen = self._chosen()
        keys_for = (chosen and chosen.step, chosen and self._problem(chosen), self._training)
        if keys_for != self._keys_for:
            self._keys_for = keys_for
            self.refresh_bindings()

    def _show_words(self) -> None:
        """Below the table: what is wrong with the chosen one, in full, or how much there is."""
        self.query_one("#checkpoints-words", Words).update(self._words())

    def _words(self) -> str:
        if not self._shown:
            return (
                "No checkpoints yet. One is written at intervals while it trains, when you press k in its "
                "monitor, and whenever training stops."
            )
        chosen = self._chosen()
        if chosen and (problem := self._problem(chosen)):
            return f"Step {chosen.step:,} is damaged: {problem}. Choose another one."
        whole = sum(not self._problem(checkpoint) for checkpoint in self._shown)
        total = figures.size(sum(checkpoint.size for checkpoint in self._shown))
        return f"{whole} whole of {len(self._shown)}, {total} in {self.run.checkpoints_path}"

    def _problem(self, checkpoint: Checkpoint) -> str:
        return checkpoint.problem or self._verified.get((checkpoint.step, checkpoint.time), "")

    def _cells(self, checkpoint: Checkpoint) -> list[Text]:
        return [
            Text(f"{checkpoint.step:,}", "bold", justify="right"),
            Text(figures.clock(checkpoint.time)),
            Text(figures.age(checkpoint.time), "dim"),
            Text(figures.size(checkpoint.size), justify="right"),
            self._condition(checkpoint),
        ]

    def _condition(self, checkpoint: Checkpoint) -> Text:
        colors = self.app.theme_variables
        if problem := self._problem(checkpoint):
            return Text(f"✗ damaged: {problem}", colors["state-failed"])
        if (checkpoint.step, checkpoint.time) == self._verifying:
            return Text("◌ verifying …", colors["state-preparing"])
        verified = (checkpoint.step, checkpoint.time) in self._verified
        return Text("✓ verified" if verified else "✓ whole", colors["state-finished"])

    def _chosen(self) -> Checkpoint | None:
        row = self.query_one(CheckpointsTable).cursor_row
        return self._shown[row] if 0 <= row < len(self._shown) else None

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("resume", "sample", "verify"):
            chosen = self._chosen()
            if chosen is None:
                return False
            if action == "verify":
                return True
            if action == "resume" and self._training:
                return False
            return None if self._problem(chosen) else True
        return True

    def on_data_table_row_highlighted(self) -> None:
        self._chosen_changed()

    def on_data_table_row_selected(self) -> None:
        self.action_resume()

    def action_resume(self) -> None:
        if (chosen := self._chosen()) and not self._problem(chosen):
            self.post_message(messages.ResumeTraining(self.run, chosen))

    def action_sample(self) -> None:
        if (chosen := self._chosen()) and not self._problem(chosen):
            self.post_message(messages.OpenSample(self.run, chosen))

    def action_verify(self) -> None:
        if chosen := self._chosen():
            self._verify(chosen)

    @work(group="verify", exclusive=True, exit_on_error=False)
    async def _verify(self, checkpoint: Checkpoint) -> None:
        identity = (checkpoint.step, checkpoint.time)
        self._verifying = identity
        self._show(self._shown)
        try:
            self._verified[identity] = problem = await asyncio.to_thread(verify, checkpoint)
        finally:
            if self._verifying == identity:
                self._verifying = None
        if problem:
            self.notify(f"Step {checkpoint.step:,}: {problem}.", severity="error", markup=False)
        else:
            self.notify(f"Step {checkpoint.step:,}: every hash agrees.")
        if self.is_there:
            self._show(self._shown)
