"""The list of runs, where the app begins."""

import asyncio
import time
from typing import TYPE_CHECKING, ClassVar

from textual import events, work
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from ddpm.errors import DDPMError
from studio import messages
from studio.action import Place
from studio.actions import bindings
from studio.long_job import LongJob, told_as
from studio.run_list import RunList
from studio.run_order import ORDERS
from studio.run_state import ALIVE, SeenState
from studio.run_summaries import RunSummaries, RunSummary
from studio.run_tags import parse_tags, write_tags
from studio.screens.base import StudioScreen
from studio.screens.dialogs import Ask
from studio.series_looks import FEWEST_COMPARED
from studio.widgets.newest_samples import NewestSamples
from studio.widgets.run_table import RunTable
from studio.widgets.runs_line import RunsLine
from studio.widgets.words import Words
from studio.workshop import Workshop

if TYPE_CHECKING:
    from ddpm.runs import Run

# What needs pydantic is imported where it is used, so that it does not delay the first paint.

WELCOME = Content.from_markup(
    "[bold $primary]Train a diffusion model on this machine and watch it learn.[/]\n\n"
    "There are no runs yet.\n\n"
    "Press [bold $accent]t[/] to train on the 1,797 embedded handwritten digits now (about a minute),\n"
    "or [bold $accent]n[/] to choose the data, the model and the length yourself.\n"
    "Press [bold $accent]f[/] to see what noise does to an image, and what can be guessed back.\n\n"
    "[$muted]Press ? on any screen for its keys.[/]"
)

CHOSEN_SECONDS = 0.1
DETAILS_SECONDS = 0.05
# Of the time at most one part in so many goes into looking at the runs, however many there are.
SHARE_OF_LOOKING = 20


def unreadable_words(problem: str) -> Content:
    """In place of the list: why there is none, and where."""
    return Content.assemble(
        ("✗ The runs cannot be read\n\n", "bold $text-error"),
        f"{problem}\n\n",
        ("They are shown as soon as they can be read. Press q to leave.", "$muted"),
    )


class RunsScreen(StudioScreen):
    place: ClassVar[Place] = "runs"
    BINDINGS: ClassVar[list[BindingType]] = bindings("runs")

    def __init__(self, workshop: Workshop) -> None:
        super().__init__(workshop, "Runs")
        self._summaries = RunSummaries(workshop.runs_root)
        self._reading = asyncio.Lock()
        self._seconds_read = 0.0
        self.list = RunList()
        self._keys_for: SeenState | None = None
        self._problem = ""  # why the runs cannot be read

    def body(self) -> list[Widget]:
        return [
            Horizontal(
                Vertical(RunTable(id="runs-table"), RunsLine(), id="runs-list"),
                NewestSamples(self.workshop.pictures, id="newest"),
                id="runs",
            ),
            Vertical(Words(id="welcome-words"), id="welcome"),
        ]

    def on_mount(self) -> None:
        self.query_one("#welcome").display = False
        self.query_one(RunTable).focus()
        self.call_after_refresh(self.follow, self._look)  # the reading would slow the first paint down

    # Reading

    async def _look(self) -> float:
        is_first = not self._seconds_read
        await self._read_runs()
        # The first time it is what has to be imported that takes long.
        seconds = 1.0 if is_first else max(1.0, SHARE_OF_LOOKING * self._seconds_read)
        await self._read_details()
        return seconds

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        self.call_after_refresh(self._look_now)

    @work(group="look", exclusive=True, exit_on_error=False)
    async def _look_now(self) -> None:
        # A panel about it would be back as soon as it is closed: that resumes this screen.
        try:
            await self._read_runs()
        except Exception as error:
            self._tell_failure(error)

    async def _read_runs(self) -> None:
        """Read the state of every run, more of those in sight, and show what has changed."""
        runner = self.workshop.runner
        starting = runner.run.path if runner.run and runner.is_starting(runner.run) else None
        async with self._reading:
            began = time.monotonic()
            try:
                self.list.take(await asyncio.to_thread(self._summaries.read, starting))
                self._problem = ""
            except DDPMError as error:
                self._problem = str(error)
            if not self.is_there:
                return
            self._show()
            if self._problem:
                return
            in_sight = [summary.run for summary in self.query_one(RunTable).in_sight]
            await asyncio.to_thread(self._summaries.read_details, in_sight)
            self._seconds_read = time.monotonic() - began
        await self._take_details()
        if self.is_there:
            await self._show_samples()

    async def _read_details(self) -> None:
        """Read what was not in sight, bit by bit so that keys are answered, as long as the screen is seen."""
        runs = iter([summary.run for summary in self.list.all_runs])
        done = False
        while not done and self.is_foremost and self.is_there:
            async with self._reading:
                done = await asyncio.to_thread(self._summaries.read_details, runs, DETAILS_SECONDS)
            await self._take_details()
            await asyncio.sleep(0 if done else DETAILS_SECONDS)

    async def _take_details(self) -> None:
        if self.is_there:
            self.list.take([self._summaries.with_details(summary) for summary in self.list.all_runs])
            self._show()

    async def _show_samples(self) -> None:
        """Beside the list, where there is room: the newest samples of the chosen run."""
        pane = self.query_one(NewestSamples)
        if pane.display:
            chosen = self._chosen
            await pane.follow(chosen.run if chosen else None)

    @work(group="chosen", exclusive=True, exit_on_error=False)
    async def _show_chosen_soon(self) -> None:
        # A short wait, as the cursor may run down the list.
        await asyncio.sleep(CHOSEN_SECONDS)
        if self.is_there:
            self._refresh_keys()
            await self._show_samples()

    def _show(self) -> None:
        self.query_one(RunTable).show(self.list.rows, self.list.order)
        self._line.say(self.list.words, self.list.filter.problem)
        words = unreadable_words(self._problem) if self._problem else WELCOME
        self.query_one("#welcome-words", Words).update(words)
        self.query_one("#runs").display = not self.list.is_empty and not self._problem
        self.query_one("#welcome").display = self.list.is_empty or bool(self._problem)
        self.query_one("#welcome").set_class(bool(self._problem), "-problem")
        self._refresh_keys()

    @property
    def _chosen(self) -> RunSummary | None:
        return self.query_one(RunTable).chosen

    @property
    def chosen_run(self) -> "Run | None":
        return self._chosen.run if self._chosen else None

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("open", "resume", "checkpoints", "sample", "delete", "mark", "clone", "rename", "tag"):
            chosen = self._chosen
            if chosen is None:
                return False
            if action in ("resume", "delete", "rename") and chosen.state in ALIVE:
                return False
        return action != "clear_filter" or self._line.is_open

    def _refresh_keys(self) -> None:
        """Make the footer anew, which is much to draw, only when other keys may work."""
        chosen = self._chosen
        keys_for = chosen.state if chosen else None
        if keys_for != self._keys_for:
            self._keys_for = keys_for
            self.refresh_bindings()

    def on_run_table_highlighted(self) -> None:
        self._show_chosen_soon()

    def on_run_table_selected(self) -> None:
        self.action_open()

    def on_run_table_header_clicked(self, event: RunTable.HeaderClicked) -> None:
        for order in ORDERS:
            if order == event.key:
                self.list.order_by(order)
                self._show()

    def action_open(self) -> None:
        if chosen := self._chosen:
            self.post_message(messages.OpenMonitor(chosen.run))

    def action_new(self) -> None:
        self.post_message(messages.OpenNewRun())

    def action_schedule(self) -> None:
        from ddpm.presets import config_for

        # Without a run the digits show it as well.
        chosen = self._chosen
        try:
            config = chosen.run.config() if chosen else config_for("digits")
        except DDPMError as error:
            self.complain(error)
            return
        self.post_message(messages.OpenSchedule(config, chosen.run if chosen else None))

    def action_resume(self) -> None:
        if chosen := self._chosen:
            self.post_message(messages.ResumeTraining(chosen.run))

    def action_checkpoints(self) -> None:
        if chosen := self._chosen:
            self.post_message(messages.OpenCheckpoints(chosen.run))

    def action_sample(self) -> None:
        if chosen := self._chosen:
            self.post_message(messages.OpenSample(chosen.run))

    def action_toggle_samples(self) -> None:
        shown = self.query_one(NewestSamples).display
        self.set_class(shown, "-no-samples")
        self.set_class(not shown, "-samples")
        self._show_chosen_soon()

    def action_train_digits(self) -> None:
        from ddpm.presets import config_for
        from ddpm.runs_root import create_run, free_name

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

    # Which runs are shown, in which order

    @property
    def _line(self) -> RunsLine:
        return self.query_one(RunsLine)

    def action_filter(self) -> None:
        self._line.open()
        self.refresh_bindings()

    def action_clear_filter(self) -> None:
        self._line.close()
        self.query_one(RunTable).focus()
        self.refresh_bindings()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.list.filter_by(event.value)
        self._show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self.query_one(RunTable).focus()
        else:
            self.action_clear_filter()

    def action_order(self) -> None:
        self.list.order_by()
        self._show()

    # What is done to a run

    def action_mark(self) -> None:
        if chosen := self._chosen:
            try:
                self.list.toggle_mark(chosen.name)
            except ValueError as error:
                self.notify(f"{error}; take a mark away first (space).", severity="warning")
            self._show()

    def action_compare(self) -> None:
        marked = self.list.marked
        if len(marked) < FEWEST_COMPARED:
            self.notify("Mark two to eight runs first, each with the space bar.", severity="warning")
            return
        self.post_message(messages.OpenCompare([(row.summary.run, row.look) for row in marked if row.look]))

    def action_tag(self) -> None:
        if chosen := self._chosen:
            self._tag(chosen)

    @work(group="change", exclusive=True, exit_on_error=False)
    async def _tag(self, chosen: RunSummary) -> None:
        def check(text: str) -> None:
            parse_tags(text)

        detail = "Words with spaces between them; none takes all tags away. The filter finds them: tag:best"
        ask = Ask(f"Tags of {chosen.name}", detail, " ".join(chosen.tags), "Tag", check)
        typed = await self.app.push_screen_wait(ask)
        if typed is not None and await self.did(write_tags, chosen.run, parse_tags(typed)):
            await self._read_runs()

    def action_rename(self) -> None:
        if chosen := self._chosen:
            self._rename(chosen.run)

    @work(group="change", exclusive=True, exit_on_error=False)
    async def _rename(self, run: "Run") -> None:
        from ddpm.runs import check_name

        detail = "Letters, digits, '.', '_' and '-'; not while it is trained."
        ask = Ask(f"A new name for {run.name}", detail, run.name, "Rename", check_name)
        name = await self.app.push_screen_wait(ask)
        if name is not None and name != run.name and await self.did(run.rename, name):
            self.list.marks.rename(run.name, name)
            self.query_one(RunTable).wish_for(name)
            await self._read_runs()

    def action_clone(self) -> None:
        if chosen := self._chosen:
            try:
                self.post_message(messages.OpenNewRun(chosen.run.config(), chosen.name))
            except DDPMError as error:
                self.complain(error)

    def action_delete(self) -> None:
        if chosen := self._chosen:
            self._delete(chosen.run)

    @work(group="change", exclusive=True, exit_on_error=False)
    async def _delete(self, run: "Run") -> None:
        question = f"Delete the run {run.name}?"
        detail = "Its recipe, metrics, previews, checkpoints and samples are removed for good."
        if await self.agrees(question, detail, "Delete"):
            job = LongJob(lambda progress: run.delete(told_as(progress, "files")))
            left = f"{run.name} is gone; what is left of its files goes with the next run that is deleted."
            await self.finished(f"Deleting {run.name}", job, left)
            await self._read_runs()
