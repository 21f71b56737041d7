"""A window over the screen while its user waits for a long job: how far that is, and a key that ends it."""

import math
import time
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from studio.long_job import GivenUpError, LongJob, Result
from studio.screens.window import Window
from studio.widgets.bar import Bar
from studio.widgets.key_line import KeyLine

# A job that is over by then is done without a window.
MOMENT = 0.3
LOOK_SECONDS = 0.1
# For how long a job that was given up may take to end: a disk may not answer.
PATIENCE = 1.0


class JobProgress(Vertical):
    """A bar and words; call ``show`` as often as one likes."""

    DEFAULT_CSS = """
    JobProgress {
        height: auto;
        & > Static { color: $muted; }
    }
    """

    def compose(self) -> ComposeResult:
        yield Bar()
        yield Static("", markup=False)

    def show(self, job: LongJob[Result]) -> None:
        """Show how far a job is."""
        self.query_one(Bar).share = job.share or 0.0
        self.query_one(Static).update("ending it …" if job.is_given_up else job.words)


class Working(Window[None]):
    """Shown until a job is over; escape ends the job, and is not kept waiting for one that does not hear of it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", "Cancel", key_display="esc")]

    def __init__(self, words: str, job: LongJob[Result]) -> None:
        super().__init__()
        self._words, self._job = words, job
        self._patient_until = math.inf

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content.styled(self._words, "bold"))
            yield JobProgress(classes="dialog-detail")
        yield KeyLine()

    def on_mount(self) -> None:
        self.set_interval(LOOK_SECONDS, self._look)

    def on_unmount(self) -> None:
        self._job.give_up()  # the app may be left by a signal

    def _look(self) -> None:
        self.query_one(JobProgress).show(self._job)
        if self._job.is_over or time.monotonic() > self._patient_until:
            self.dismiss(None)

    def action_give_up(self) -> None:
        if not self._job.is_given_up:
            self._job.give_up()
            self._patient_until = time.monotonic() + PATIENCE


async def work_on(app: App[None], words: str, job: LongJob[Result]) -> Result:
    """Do a job while its user sees how far it is; to be awaited in a worker.

    Raises what it raises, GivenUpError where its user has ended it.
    """
    job.start()
    if not await job.over_within(MOMENT):
        await app.push_screen_wait(Working(words, job))
    if not job.is_over:
        raise GivenUpError  # it ends when it next tells how far it is
    return job.result()
