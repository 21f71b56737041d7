"""The terminal app: where its screens meet the training thread, and the way between them."""

import asyncio
import contextlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

from textual import work

from ddpm.errors import DDPMError
from studio import figures, messages
from studio.elsewhere import Elsewhere
from studio.error_report import ErrorReport
from studio.home import home_option
from studio.long_job import GivenUpError, LongJob, told_as
from studio.run_summaries import RunSummaries
from studio.runner import Runner
from studio.screens.base import StudioScreen
from studio.screens.dialogs import Ask, Confirm, Waiting
from studio.screens.error_panel import ErrorPanel
from studio.screens.runs import SHARE_OF_LOOKING, RunsScreen
from studio.screens.working import Working, work_on
from studio.settings import Settings
from studio.shell import Shell
from studio.terminal import PROTOCOL_WORDS, Pictures
from studio.widgets.picture import PictureView
from studio.workshop import Workshop

if TYPE_CHECKING:
    from ddpm.checkpoint import Checkpoint
    from ddpm.config import Config
    from ddpm.runs import Run
    from studio.drawing import Drawer

WATCH_SECONDS = 2.0


class StudioApp(Shell):
    """Screens around one training thread."""

    TITLE = "ddpm-studio"
    CSS_PATH = "studio.tcss"

    def __init__(
        self,
        home: Path,
        data_root: Path,
        pictures: Pictures,
        show: "Run | None" = None,
        greeting: str = "",
        warning: str = "",
        settings: Settings | None = None,
        runner: Runner | None = None,
        trouble: ErrorReport | None = None,
    ) -> None:
        """``show``: the run whose monitor is opened first; ``greeting``, ``warning`` and ``trouble``: to begin with.

        ``runner``: that of an app before this one, which may be training.
        """
        workshop = Workshop(home, data_root, pictures, runner or Runner(data_root))
        super().__init__(workshop, settings or Settings(), warning, trouble)
        self.farewell = ""
        self.is_handing_over = False
        self._show_first, self._greeting = show, greeting
        self.drawers: WeakSet[Drawer] = WeakSet()

    def on_mount(self) -> None:
        self.push_screen(RunsScreen(self.workshop))
        if self._show_first:
            self._show_monitor(self._show_first)
        if self._greeting:
            self.notify(self._greeting, markup=False)
        self.tell_first_words()
        self._watch()

    @work(group="watch", exit_on_error=False)
    async def _watch(self) -> None:
        """Tell what happens to runs that are not on screen; the list of runs shows all of them."""
        summaries, elsewhere = RunSummaries(self.workshop.runs_root), Elsewhere()
        pause = WATCH_SECONDS
        while True:
            await asyncio.sleep(pause)  # the first time, too: the first screen comes first
            began = time.monotonic()
            with contextlib.suppress(DDPMError):  # a folder that cannot be read is told by the list of runs
                found = await asyncio.to_thread(summaries.read)
                shown = self._runs_on_screen(summary.run for summary in found)
                for news in elsewhere.take(found, shown):
                    self.notify(news.words, severity=news.severity, timeout=10, markup=False)
            pause = max(WATCH_SECONDS, SHARE_OF_LOOKING * (time.monotonic() - began))

    def _runs_on_screen(self, runs: "Iterable[Run]") -> set[Path]:
        screens = [screen for screen in self.screen_stack if isinstance(screen, StudioScreen)]
        if not screens or isinstance(screens[-1], RunsScreen):
            return {run.path for run in runs}
        return {screens[-1].subject.path} if screens[-1].subject else set()

    # Going from screen to screen

    def on_open_monitor(self, message: messages.OpenMonitor) -> None:
        self._show_monitor(message.run)

    # Screens are imported when they are opened: the first paint waits for the first screen only.

    def on_open_new_run(self, message: messages.OpenNewRun) -> None:
        from studio.screens.new_run import NewRunScreen

        self.push_screen(NewRunScreen(self.workshop, message.config, message.name))

    def on_open_compare(self, message: messages.OpenCompare) -> None:
        from studio.screens.compare import CompareScreen

        self.push_screen(CompareScreen(self.workshop, message.runs))

    def on_open_checkpoints(self, message: messages.OpenCheckpoints) -> None:
        from studio.screens.checkpoints import CheckpointsScreen

        self.push_screen(CheckpointsScreen(self.workshop, message.run))

    def on_open_schedule(self, message: messages.OpenSchedule) -> None:
        from studio.screens.schedule import ScheduleScreen

        self.push_screen(ScheduleScreen(self.workshop, message.config, message.run))

    def on_open_sample(self, message: messages.OpenSample) -> None:
        from studio.screens.sample import SampleScreen

        screen = SampleScreen(self.workshop, message.run, message.checkpoint)
        self.drawers.add(screen.drawer)
        self.push_screen(screen)

    async def action_back(self) -> None:
        # Below the app's screens lies Textual's own empty one.
        if len(self.screen_stack) > 2:
            self.pop_screen()

    def action_turn_pictures(self) -> None:
        protocol = self.workshop.pictures.turn()
        for screen in self.screen_stack:
            for view in screen.query(PictureView):
                view.post_message(PictureView.Turned())
        self.notify(f"Pictures: {PROTOCOL_WORDS[protocol]}.")

    def _show_monitor(self, run: "Run") -> None:
        """The monitor directly above the list of runs, wherever one has been before."""
        from studio.screens.monitor import MonitorScreen

        while len(self.screen_stack) > 2:
            self.pop_screen()
        self.push_screen(MonitorScreen(self.workshop, run))

    # Training

    def on_start_training(self, message: messages.StartTraining) -> None:
        if not self._train(message.run, None):
            # It was made for this; nobody wants a run that was never trained.
            with contextlib.suppress(DDPMError):
                message.run.delete()

    def on_resume_training(self, message: messages.ResumeTraining) -> None:
        self._resume(message.run, message.checkpoint)

    @work(group="resume", exclusive=True, exit_on_error=False)
    async def _resume(self, run: "Run", checkpoint: "Checkpoint | None") -> None:
        try:
            # Before anything is asked: a question whose answer is refused is worse than none.
            self.workshop.runner.check_free(run)
            config = await asyncio.to_thread(run.config)
        except DDPMError as error:
            self.complain(error)
            return
        try:
            chosen = checkpoint or await self._newest_whole(run)
        except GivenUpError:
            return
        if chosen and chosen.step >= config.train.steps:
            await self._train_further(run, chosen, config)
            return
        later = [other.step for other in run.checkpoints() if chosen and other.step > chosen.step]
        status = run.status()
        if chosen is None:
            question = f"{run.name} has no whole checkpoint. Train it from its first step?"
            detail = "Its records so far are replaced." if status.step else "It has not been trained yet."
            confirm = Confirm(question, detail, "Train", dangerous=bool(status.step))
            agreed = await self.push_screen_wait(confirm)
        elif later or status.step > chosen.step:
            question = f"Resume {run.name} from step {chosen.step:,}?"
            also = (
                f" and the checkpoints after it ({', '.join(f'{step:,}' for step in later)})" if later else ""
            )
            detail = f"Metrics and previews after step {chosen.step:,}{also} are replaced as it trains again."
            agreed = await self.push_screen_wait(Confirm(question, detail, "Resume", dangerous=True))
        else:
            agreed = True
        if agreed:
            self._train(run, chosen)

    async def _train_further(self, run: "Run", checkpoint: "Checkpoint", config: "Config") -> None:
        """Of a run whose recipe asks for no more: ask up to which step."""
        from studio.run_questions import longer_recipe

        def recipe(steps: str) -> "Config":
            return longer_recipe(config, checkpoint.step, steps)

        question = f"Train {run.name} up to which step?"
        detail = (
            f"Step {checkpoint.step:,} was to be its last. The learning rate goes on as if the new last step had been "
            "that all along."
        )
        suggestion = str(2 * checkpoint.step)
        steps = await self.push_screen_wait(Ask(question, detail, suggestion, "Train", recipe))
        if steps is not None:
            self._train(run, checkpoint, recipe(steps))

    async def _newest_whole(self, run: "Run") -> "Checkpoint | None":
        """The checkpoint to go on from, found by hashing files that may be large. Raises GivenUpError."""
        from ddpm.checkpoint import newest_whole

        job = LongJob(
            lambda progress: newest_whole(run.checkpoints_path, told_as(progress, "reading")), figures.size
        )
        return await work_on(self, "Reading the newest checkpoint to see whether it is whole", job)

    def _train(self, run: "Run", checkpoint: "Checkpoint | None", config: "Config | None" = None) -> bool:
        """Start training and show it; False, and a word why, where it cannot be started."""
        try:
            self.workshop.runner.start(run, checkpoint, config)
        except DDPMError as error:
            self.complain(error)
            return False
        self._show_monitor(run)
        return True

    # Leaving

    async def action_quit(self) -> None:
        # The way out of the command palette.
        self.action_leave()

    def action_leave(self) -> None:
        if isinstance(self.screen, Ask | Confirm | Waiting | Working | ErrorPanel):
            return
        self._leave()

    def on_let_go(self, message: messages.LetGo) -> None:
        if any(worker.group == "leave" and not worker.is_finished for worker in self.workers):
            return  # it is on its way already
        if self.workshop.runner.trains(message.run):
            self._hand_over(message.run)
        else:
            self._leave(f"{message.run.name} goes on in process {message.run.status().pid}.")

    @work(group="leave", exclusive=True, exit_on_error=False)
    async def _hand_over(self, run: "Run") -> None:
        from studio.handover import hand_over

        place = self.workshop
        given_up = asyncio.Event()
        over = asyncio.create_task(hand_over(place.runner, run, place.home, place.data_root, given_up.is_set))
        self.is_handing_over = True
        try:
            words = f"Handing {run.name} to a background process …"
            if not await self.push_screen_wait(Waiting(words, over.done)):
                given_up.set()
            training = await over
        except GivenUpError:
            self.notify(f"{run.name} is stopped, with a checkpoint. Press r to go on with it.", markup=False)
            return
        except DDPMError as error:
            self.complain(error)
            return
        finally:
            self.is_handing_over = False
        self.farewell = (
            f"{run.name} goes on in the background (process {training.pid}). "
            f"`ddpm-studio attach {run.name}{home_option(place.home)}` shows it."
        )
        self.exit()

    @work(group="leave", exclusive=True, exit_on_error=False)
    async def _leave(self, farewell: str = "") -> None:
        runner = self.workshop.runner
        if runner.is_alive and runner.run is not None:
            question = f"{runner.run.name} is training. Stop it, save a checkpoint and quit?"
            detail = (
                "You can resume it later exactly where it stopped. To let it go on without the app, press d in its "
                "monitor instead."
            )
            if not await self.push_screen_wait(Confirm(question, detail, "Stop and quit")):
                return
            runner.stop()
            if not await self.push_screen_wait(Waiting("Saving a checkpoint …", lambda: not runner.is_alive)):
                return
        self.farewell = farewell
        self.exit()

    def stop_drawing(self) -> None:
        """End every drawing after the denoising step that it is at."""
        for drawer in list(self.drawers):
            drawer.stop()
        for drawer in list(self.drawers):
            drawer.join()
