"""One run, live or long over: its loss, its figures, its samples and what happened to it."""

import asyncio
import math
import time
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget

from ddpm.commands import Command
from ddpm.errors import DDPMError
from ddpm.printable import printable
from ddpm.runs import Run
from studio import figures, messages
from studio.action import Place
from studio.actions import bindings
from studio.feed import News, RunFeed
from studio.panel_memory import Panel
from studio.run_questions import RunQuestion, learning_rate_question, note_question, preview_question
from studio.run_state import ALIVE, nobody_listens
from studio.run_view import RunView
from studio.screens.base import StudioScreen
from studio.screens.dialogs import Ask, Confirm
from studio.sysmon import MachineFigures, MachineSampler
from studio.widgets.bar import Bar
from studio.widgets.monitor_panels import MonitorPanels
from studio.widgets.preview import SamplePane
from studio.widgets.preview_pane import PreviewPane
from studio.widgets.run_log import RunLog
from studio.widgets.run_plot import RunPlot
from studio.widgets.run_words import preparing_words, trouble_words
from studio.widgets.system_panel import SystemLine, SystemPanel
from studio.widgets.tiles import Tiles
from studio.widgets.title_bar import TitleBar, state_content
from studio.widgets.training_tiles import TILES, show_figures
from studio.widgets.words import Words
from studio.workshop import Workshop

POLL_SECONDS = 0.2
# New rows are painted no oftener, and the machine's figures with them: the training has to wait for it.
PAINT_SECONDS = 0.5
MEASURE_SECONDS = 1.0
# Behind a window, and while keys come: a key that meets a painting waits for it.
COVERED_PAINT_SECONDS, TYPING_PAINT_SECONDS = 2.0, 5.0
LONGEST_SOURCE = 20
EMPTY = "samples appear here\nwhile it trains"


class MonitorScreen(StudioScreen):
    place: ClassVar[Place] = "monitor"
    BINDINGS: ClassVar[list[BindingType]] = bindings("monitor")
    AUTO_FOCUS = "#curve"

    def __init__(self, workshop: Workshop, run: Run) -> None:
        super().__init__(workshop, run.name)
        self.run = self.subject = run
        self.view = RunView()
        self._feed = RunFeed(run)
        self._sampler = MachineSampler(run.path)
        self._painted_at = -math.inf
        self._machine: MachineFigures | None = None

    def body(self) -> list[Widget]:
        return [
            Horizontal(Words(id="state"), Bar(id="bar"), Words(id="counts"), id="head"),
            Words(id="trouble", markup=False),
            MonitorPanels(
                [Tiles(TILES, id="tiles"), RunPlot(self.view, id="plot"), RunLog(id="log")],
                [
                    PreviewPane(self.run, self.workshop.pictures, empty=EMPTY, id="samples"),
                    SystemPanel(id="system"),
                ],
                id="main",
            ),
            SystemLine(id="system-line"),
        ]

    def on_mount(self) -> None:
        self.query_one("#trouble").display = False
        self.follow(self._look)
        self.follow(self._measure)

    async def _look(self) -> float:
        # Off this thread: a long run has many megabytes of records.
        news = await asyncio.to_thread(self._feed.poll)
        if self.is_there:
            self._take(news)
        return 0.0 if news.more else POLL_SECONDS

    def _take(self, news: News) -> None:
        before = self.view.state, self.view.status.state
        if news.events_began_again:
            self.query_one(RunLog).begin_again()
        self.view.take(news, starting=self.workshop.runner.is_starting(self.run))
        if news.events:
            self.query_one(RunLog).wait_for("")
            self.query_one(RunLog).add(news.events)
        turned = before != (self.view.state, self.view.status.state)
        rested = time.monotonic() - self._painted_at
        if turned or news.events or rested >= self._seconds_between_paintings(news):
            self._painted_at = time.monotonic()
            self._show()
        if turned:
            self.refresh_bindings()

    def _seconds_between_paintings(self, news: News) -> float:
        if self.seconds_without_key < PAINT_SECONDS:
            return TYPING_PAINT_SECONDS
        if self.app.screen is not self:
            return COVERED_PAINT_SECONDS
        return PAINT_SECONDS if news.rows else MEASURE_SECONDS

    # What is shown

    def _show(self) -> None:
        """Show all that may have changed at once, which is painted once."""
        self._show_head()
        self._show_trouble()
        show_figures(self.query_one(Tiles), self.view)
        self._show_machine()
        self.query_one(RunPlot).follow()
        self._show_previews()

    def _show_head(self) -> None:
        view = self.view
        source = printable(Path(view.config.data.source).name) if view.config else ""
        source = figures.shortened(source, LONGEST_SOURCE)
        self.query_one(TitleBar).show_place(self.run.name, f" · {source}" if source else "")
        self.query_one("#state", Words).update(state_content(view.state))
        self.query_one(Bar).share = view.share_done
        eta = f"  ETA {figures.duration(view.seconds_left)}" if view.state in ("running", "paused") else ""
        counts = Content.assemble(
            (f"{view.step:,}", "bold"),
            (f"/{view.steps:,}", "$muted"),
            f" {view.share_done:.0%}",
            (eta, "$accent"),
        )
        self.query_one("#counts", Words).update(counts)

    def _show_trouble(self) -> None:
        words = trouble_words(self.view, self.workshop.runner.error_of(self.run))
        panel = self.query_one("#trouble", Words)
        panel.display = bool(words)
        if words:
            panel.update(words)

    def _show_previews(self) -> None:
        steps = self.view.preview_steps
        empty = "" if steps else preparing_words(self.view, self.workshop.runner, self.run)
        self.query_one(PreviewPane).take(steps, empty)

    async def _measure(self) -> float:
        """The machine's figures, once a second, while they are shown; the next look at the run shows them."""
        if self.query_one(SystemPanel).display or self.query_one(SystemLine).display:
            alive = self.view.state in ALIVE
            self._machine = await asyncio.to_thread(self._sampler.sample, self.view.status, alive=alive)
        return MEASURE_SECONDS

    def _show_machine(self) -> None:
        panel, line = self.query_one(SystemPanel), self.query_one(SystemLine)
        if self._machine is None:
            return
        if panel.display:
            panel.show(self._machine, self.view.memory if self.view.state in ALIVE else {})
        else:
            line.show(self._machine)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        state = self.view.state
        match action:
            case "pause":
                return state == "running"
            case "go_on":
                return state == "paused"
            case "preview" | "checkpoint":
                return state in ("running", "paused")
            case "stop":
                # A trainer that prepares does not look into its inbox yet; the thread of this app can be told.
                runner = self.workshop.runner
                if runner.is_stopping(self.run):
                    return None
                return state in ("running", "paused", "stalled") or runner.trains(self.run)
            case "detach":
                runner = self.workshop.runner
                if runner.trains(self.run):
                    return (
                        None if runner.is_stopping(self.run) or state not in ("running", "paused") else True
                    )
                return state in ALIVE
            case "resume":
                return state not in (*ALIVE, "gone")
            case "checkpoints" | "sample":
                return state != "gone"
        return True

    def _send(self, command: Command, said: str) -> None:
        try:
            self.run.send(command)
        except DDPMError as error:
            self.complain(error)
            return
        # Until the trainer has taken the command, which the log then shows.
        self.query_one(RunLog).wait_for(said)

    def action_pause(self) -> None:
        self._send("pause", "pausing …")

    def action_go_on(self) -> None:
        self._send("resume", "going on …")

    def action_preview(self) -> None:
        self._send("preview", "drawing samples …")

    def action_checkpoint(self) -> None:
        self._send("checkpoint", "saving …")

    def action_change_learning_rate(self) -> None:
        if self.view.config:
            self._ask(learning_rate_question(self.view.config, self.view.step))

    def action_change_preview_interval(self) -> None:
        if self.view.config:
            self._ask(preview_question(self.view.config, self.view.step))

    def action_note(self) -> None:
        self._ask(note_question())

    @work(group="ask", exclusive=True, exit_on_error=False)
    async def _ask(self, asked: RunQuestion) -> None:
        if not self._can_tell():
            return
        dialog = Ask(asked.question, asked.detail, asked.text, asked.yes, asked.command)
        answer = await self.app.push_screen_wait(dialog)
        if answer is not None and self._can_tell():
            self._send(asked.command(answer), "telling it …")

    def _can_tell(self) -> bool:
        """Whether somebody trains the run; says so where nobody does."""
        if self.view.state in ("running", "paused", "stalled"):
            return True
        self.notify(nobody_listens(self.view.state), severity="warning", markup=False)
        return False

    def action_stop(self) -> None:
        self._stop()

    @work(group="stop", exclusive=True, exit_on_error=False)
    async def _stop(self) -> None:
        detail = "A checkpoint is saved; you can resume it later exactly where it stopped."
        if await self.app.push_screen_wait(Confirm(f"Stop training {self.run.name}?", detail, "Stop")):
            if self.workshop.runner.trains(self.run):
                # Straight to the thread, as the disk that a command is sent through may be full.
                self.workshop.runner.stop()
                self.query_one(RunLog).wait_for("stopping …")
                self.refresh_bindings()
            else:
                self._send("stop", "stopping …")

    def action_detach(self) -> None:
        self.post_message(messages.LetGo(self.run))

    def action_resume(self) -> None:
        self.post_message(messages.ResumeTraining(self.run))

    def action_checkpoints(self) -> None:
        self.post_message(messages.OpenCheckpoints(self.run))

    def action_sample(self) -> None:
        self.post_message(messages.OpenSample(self.run))

    def action_log_axis(self) -> None:
        self.query_one(RunPlot).toggle_log()

    def action_next_unit(self) -> None:
        self.query_one(RunPlot).next_unit()

    def action_next_quantity(self) -> None:
        self.query_one(RunPlot).next_quantity()

    def action_next_log_level(self) -> None:
        self.query_one(RunLog).show_next_level()

    # Panels

    def action_toggle_panel(self, panel: Panel) -> None:
        self.query_one(MonitorPanels).toggle(panel)

    def action_widen_side(self, steps: int) -> None:
        self.query_one(MonitorPanels).widen_side(steps)

    def action_heighten_log(self, steps: int) -> None:
        self.query_one(MonitorPanels).heighten_log(steps)

    def action_step(self, by: int) -> None:
        self.query_one(PreviewPane).action_step(by)

    def action_other_weights(self) -> None:
        self.query_one(PreviewPane).show_other_weights()

    def action_full_samples(self) -> None:
        panels = self.query_one(MonitorPanels)
        panels.show_samples_full(not panels.samples_are_full)
        if panels.samples_are_full:
            self.query_one(SamplePane).focus()

    async def action_go_back(self) -> None:
        """Out of the full size; then back to the screen before."""
        panels = self.query_one(MonitorPanels)
        if panels.samples_are_full:
            panels.show_samples_full(False)
        else:
            await self.app.run_action("back")
