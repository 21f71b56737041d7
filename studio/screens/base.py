"""What all screens share: a title on top, keys at the bottom, and a polite word where there is no room."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from ddpm.errors import DDPMError
from studio import figures, messages
from studio.action import Place
from studio.keys_in_turn import KeysInTurn
from studio.long_job import GivenUpError, LongJob, Result
from studio.run_state import seen_state
from studio.screens.dialogs import Confirm
from studio.screens.working import work_on
from studio.widgets.key_line import KeyLine
from studio.widgets.title_bar import TitleBar, state_content
from studio.workshop import Workshop

if TYPE_CHECKING:
    from ddpm.runs import Run

SMALLEST = (80, 20)
COVERED_SECONDS = 0.2
LONGEST_ASIDE = 14  # of the name of a run: the title of the screen comes first


def _reached(breakpoints: list[tuple[int, str]], length: int) -> str:
    return max(breakpoint for breakpoint in breakpoints if breakpoint[0] <= length)[1]


class StudioScreen(Screen[None]):
    """A full screen of the app. Subclasses say their ``place`` and give their ``body``."""

    # Classes for the style sheet: too small, 80 columns, wide; too low, 24 lines, tall.
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (SMALLEST[0], "-narrow"), (112, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (SMALLEST[1], "-low"), (34, "-tall")]  # noqa: RUF012

    place: ClassVar[Place]
    subject: "Run | None" = None  # the run whose state the screen shows anyway

    def __init__(self, workshop: Workshop, title: str, after: str = "") -> None:
        """``title``: a name, shortened where there is no room; ``after`` never is."""
        width, height = self.app.size
        # Given now: Textual does when every widget has its styles, and then styles them all again.
        super().__init__(
            classes=f"{_reached(self.HORIZONTAL_BREAKPOINTS, width)} {_reached(self.VERTICAL_BREAKPOINTS, height)}"
        )
        self.workshop = workshop
        self._place_title = (title, after)
        self._failure = ""

    def compose(self) -> ComposeResult:
        yield TitleBar(*self._place_title)
        yield from self.body()
        yield KeyLine()
        yield Static(
            f"This terminal is too small.\nddpm-studio needs {SMALLEST[0]} x {SMALLEST[1]} characters.\n"
            "Training is not affected.",
            classes="too-small",
        )

    def body(self) -> Iterable[Widget]:
        """The widgets between the title and the keys."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self.set_interval(1.0, self._show_training)
        self._show_training()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        event.refresh_styles = False  # what is mounted has its styles
        # What it said when it was covered is old.
        self._show_training()

    @property
    def chosen_run(self) -> "Run | None":
        """The run that what is done to a run is done to."""
        return self.subject

    @property
    def is_there(self) -> bool:
        """Whether its widgets can be updated: ask after every wait, as it may have been left meanwhile."""
        # Not by a query, which goes through all of the screen: this is asked several times a second.
        return any(isinstance(child, TitleBar) for child in self.children)

    @property
    def seconds_without_key(self) -> float:
        """How long ago the last key came."""
        return self.app.seconds_without_key if isinstance(self.app, KeysInTurn) else math.inf

    @property
    def is_foremost(self) -> bool:
        """Whether a person sees it, behind a dialog at most. What another screen covers has nothing to do."""
        screens = (screen for screen in reversed(self.app.screen_stack) if isinstance(screen, StudioScreen))
        return next(screens, None) is self

    @work(group="follow")
    async def follow(self, look: Callable[[], Awaitable[float]]) -> None:
        """Call ``look`` while the screen is foremost; it says after how many seconds it wants to be called again.

        A look that fails is told of once and then tried again: one odd file must not end the app.
        """
        while True:
            seconds = COVERED_SECONDS
            if self.is_foremost:
                try:
                    seconds = await look()
                except Exception as error:
                    seconds = 1.0
                    self._tell_failure(error)
            await asyncio.sleep(seconds)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        # Workers of screens are started with exit_on_error=False.
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.post_message(messages.Trouble(event.worker.error))

    def _tell_failure(self, error: BaseException) -> None:
        words = f"{type(error).__name__}: {error}"
        if words != self._failure:
            self._failure = words
            self.post_message(messages.QuietTrouble(error))

    def complain(self, error: DDPMError) -> None:
        """Show what a person can mend."""
        self.post_message(messages.Trouble(error))

    async def agrees(self, question: str, detail: str, yes: str) -> bool:
        """Ask before something is done that cannot be undone. To be awaited in a worker."""
        return await self.app.push_screen_wait(Confirm(question, detail, yes, dangerous=True))

    async def did(self, change: Callable[..., object], *arguments: object) -> bool:
        """Change files off this thread; False, and a word why, where that cannot be done."""
        try:
            await asyncio.to_thread(change, *arguments)
        except DDPMError as error:
            self.complain(error)
            return False
        return True

    async def finished(self, words: str, job: LongJob[Result], ended: str) -> bool:
        """Have a long job done while its user sees how far it is. False, and a word why, where that did not end well;
        ``ended`` says what is there where its user has ended it."""
        try:
            await work_on(self.app, words, job)
        except GivenUpError:
            self.notify(ended, markup=False)
        except DDPMError as error:
            self.complain(error)
        else:
            return True
        return False

    def _show_training(self) -> None:
        """On the right of the title: the run that this app trains."""
        if not (self.is_foremost and self.is_there):
            return
        runner = self.workshop.runner
        if (
            not runner.is_alive
            or runner.run is None
            or (self.subject is not None and runner.trains(self.subject))
        ):
            aside = Content("")
        else:
            status = runner.run.status()
            state = seen_state(status, training=True, starting=runner.is_starting(runner.run))
            steps = f"{figures.short_count(status.step)}/{figures.short_count(status.steps)}"
            aside = Content.assemble(
                state_content(state),
                f" {figures.shortened(runner.run.name, LONGEST_ASIDE)} ",
                (steps, "$muted"),
            )
        self.query_one(TitleBar).show_aside(aside)
