"""The list of runs, where the app begins."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import DataTable, Static

from ddpm.errors import DDPMError
from ddpm.presets import config_for
from ddpm.runs import Preview, Run, create_run, free_name
from studio import figures, messages
from studio.actions import Place, bindings
from studio.feed import newest_preview
from studio.run_state import ALIVE, LOOKS, SeenState
from studio.run_summaries import RunSummaries, RunSummary
from studio.screens.base import StudioScreen
from studio.screens.dialogs import Confirm
from studio.widgets.preview import SamplePane
from studio.workshop import Workshop

if TYPE_CHECKING:
    from studio.contact_sheet import Pixels

WELCOME = Content.from_markup(
    "[bold $primary]Train a diffusion model on this machine and watch it learn.[/]\n\n"
    "There are no runs yet.\n\n"
    "Press [bold $accent]t[/] to train on the 1,797 embedded handwritten digits now (about a minute),\n"
    "or [bold $accent]n[/] to choose the data, the model and the length yourself.\n\n"
    "[$muted]Press ? on any screen for its keys.[/]"
)


PREVIEW_SECONDS = 0.1


@dataclass(frozen=True)
class _Column:
    key: str
    label: str
    width: int | None


COLUMNS = (
    _Column("name", "Run", None),
    _Column("source", "Data set", None),
    _Column("state", "State", 11),
    _Column("step", "Step", 11),
    _Column("loss", "Loss", 7),
    _Column("age", "Changed", 10),
)


class RunsTable(DataTable[Text]):
    """A table of which the footer says what enter does."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select_cursor", "Open")]


class RunsScreen(StudioScreen):
    place: ClassVar[Place] = "runs"
    BINDINGS: ClassVar[list[BindingType]] = bindings("runs")

    def __init__(self, workshop: Workshop) -> None:
        super().__init__(workshop, "Runs")
        self._summaries = RunSummaries(workshop.runs_root)
        self._shown: dict[str, RunSummary] = {}
        self._shown_preview: tuple[Path, Preview | None] | None = None
        self._keys_for: tuple[str, SeenState] | None = None

    def body(self) -> list[Widget]:
        return [
            Horizontal(
                RunsTable(id="runs-table", cursor_type="row"),
                SamplePane(self.workshop.pictures, empty="no samples yet", id="newest"),
                id="runs",
            ),
            Vertical(Static(WELCOME, id="welcome-words"), id="welcome"),
        ]

    def on_mount(self) -> None:
        self.query_one("#welcome").display = False
        self.query_one(RunsTable).focus()
        self.follow(self._look)

    async def _look(self) -> float:
        await self.refresh_runs()
        return 1.0

    def on_screen_resume(self) -> None:
        self._look_now()

    @work(group="look", exclusive=True, exit_on_error=False)
    async def _look_now(self) -> None:
        await self.refresh_runs()

    async def refresh_runs(self) -> None:
        """Read the state of every run and show what has changed."""
        runner = self.workshop.runner
        starting = runner.run.path if runner.run and runner.is_starting(runner.run) else None
        summaries = await asyncio.to_thread(self._summaries.read, starting)
        if self.is_there:
            self._show(summaries)
            await self._show_preview()

    async def _show_preview(self) -> None:
        """Beside the list, where there is room: the newest samples of the chosen run."""
        pane, chosen = self.query_one(SamplePane), self._chosen()
        if chosen is None or not self.has_class("-wide"):
            return
        preview = await asyncio.to_thread(newest_preview, chosen.run)
        found = (chosen.run.path, preview)
        if found == self._shown_preview:
            return
        images, problem = None, "no samples yet"
        if preview is not None:
            try:
                images = await asyncio.to_thread(_images_of, preview)
            except DDPMError as error:
                problem = str(error)
        # Meanwhile the cursor may have gone on: what was read for one run is not shown under another's name.
        if not self.is_there or self._chosen_name() != chosen.run.name:
            return
        if images is None:
            pane.say(problem)
        else:
            pane.show(images)
        # As content: a folder's name may hold brackets, which are no markup.
        pane.border_title = Content(chosen.run.name + (f" · step {preview.step:,}" if preview else ""))
        self._shown_preview = found

    @work(group="preview", exclusive=True, exit_on_error=False)
    async def _show_preview_soon(self) -> None:
        # A short wait, as the cursor may run down the list.
        await asyncio.sleep(PREVIEW_SECONDS)
        if self.is_there:
            await self._show_preview()

    def _show(self, summaries: list[RunSummary]) -> None:
        table = self.query_one(RunsTable)
        names = [summary.run.name for summary in summaries]
        if names != list(self._shown):
            chosen = self._chosen_name()
            self._fill(table, summaries)
            if chosen in names:
                table.move_cursor(row=names.index(chosen))
        else:
            for summary in summaries:
                for column, cell in zip(COLUMNS, self._cells(summary), strict=True):
                    if table.get_cell(summary.run.name, column.key) != cell:
                        table.update_cell(summary.run.name, column.key, cell)
        self._shown = {summary.run.name: summary for summary in summaries}
        self.query_one("#runs").display = bool(summaries)
        self.query_one("#welcome").display = not summaries
        self._refresh_keys()

    def _fill(self, table: RunsTable, summaries: list[RunSummary]) -> None:
        """New rows, in columns as wide as they need: Textual's own fitting now and then leaves a name cut short."""
        rows = [self._cells(summary) for summary in summaries]
        table.clear(columns=True)
        for column, cells in zip(COLUMNS, zip(*rows, strict=True), strict=False):
            widest = max(len(column.label), *(cell.cell_len for cell in cells))
            table.add_column(column.label, key=column.key, width=column.width or widest)
        for summary, row in zip(summaries, rows, strict=True):
            table.add_row(*row, key=summary.run.name)

    def _cells(self, summary: RunSummary) -> list[Text]:
        look = LOOKS[summary.state]
        longest_name, longest_source = (26, 16) if self.has_class("-wide") else (18, 10)
        step = Text(
            f"{figures.short_count(summary.step)}/{figures.short_count(summary.steps)}", justify="right"
        )
        return [
            Text(figures.shortened(summary.run.name, longest_name), "bold"),
            Text(figures.shortened(summary.source, longest_source)),
            Text(f"{look.glyph} {look.word}", self.app.theme_variables[look.variable]),
            step,
            Text(figures.loss(summary.loss), justify="right"),
            Text(figures.age(summary.changed), "dim"),
        ]

    def _chosen_name(self) -> str | None:
        table = self.query_one(RunsTable)
        names = list(self._shown)
        return names[table.cursor_row] if 0 <= table.cursor_row < len(names) else None

    def _chosen(self) -> RunSummary | None:
        name = self._chosen_name()
        return self._shown.get(name) if name else None

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("open", "resume", "checkpoints", "sample", "delete"):
            chosen = self._chosen()
            if chosen is None:
                return False
            if action in ("resume", "delete") and chosen.state in ALIVE:
                return False
            if action == "resume" and chosen.state == "finished":
                return False
        return True

    def _refresh_keys(self) -> None:
        """Make the footer anew, which is much to draw, only when other keys may work."""
        chosen = self._chosen()
        keys_for = (chosen.run.name, chosen.state) if chosen else None
        if keys_for != self._keys_for:
            self._keys_for = keys_for
            self.refresh_bindings()

    def on_data_table_row_highlighted(self) -> None:
        self._refresh_keys()
        self._show_preview_soon()

    def on_data_table_row_selected(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        if chosen := self._chosen():
            self.post_message(messages.OpenMonitor(chosen.run))

    def action_train_digits(self) -> None:
        root = self.workshop.runs_root
        if self.workshop.runner.is_alive and self.workshop.runner.run:
            self.notify(
                f"{self.workshop.runner.run.name} is training already; stop it first.",
                severity="warning",
                markup=False,
            )
            return
        try:
            run = create_run(root, free_name(root, "digits"), config_for("digits"))
        except DDPMError as error:
            self.complain(error)
            return
        self.post_message(messages.StartTraining(run))

    def action_new(self) -> None:
        self.post_message(messages.OpenNewRun())

    def action_resume(self) -> None:
        if chosen := self._chosen():
            self.post_message(messages.ResumeTraining(chosen.run))

    def action_checkpoints(self) -> None:
        if chosen := self._chosen():
            self.post_message(messages.OpenCheckpoints(chosen.run))

    def action_sample(self) -> None:
        if chosen := self._chosen():
            self.post_message(messages.OpenSample(chosen.run))

    def action_delete(self) -> None:
        if chosen := self._chosen():
            self._delete(chosen.run)

    @work(group="delete", exclusive=True, exit_on_error=False)
    async def _delete(self, run: Run) -> None:
        question = f"Delete the run {run.name}?"
        detail = "Its recipe, metrics, previews, checkpoints and samples are removed for good."
        if not await self.app.push_screen_wait(Confirm(question, detail, "Delete", dangerous=True)):
            return
        try:
            await asyncio.to_thread(run.delete)
        except DDPMError as error:
            self.complain(error)
        await self.refresh_runs()


def _images_of(preview: Preview) -> "Pixels":
    # Imported in the thread that reads, so that numpy does not delay the first paint.
    from studio.contact_sheet import preview_images

    return preview_images(preview)
