"""What all screens share: a title on top, keys at the bottom, and a polite word where there is no room."""

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Footer, Static

from ddpm.errors import DDPMError
from ddpm.runs import Run
from studio import figures
from studio.actions import Place
from studio.run_state import seen_state
from studio.widgets.title_bar import TitleBar, state_content
from studio.workshop import Workshop

SMALLEST = (60, 16)


class StudioScreen(Screen[None]):
    """A full screen of the app. Subclasses say their ``place`` and give their ``body``."""

    place: ClassVar[Place]
    subject: Run | None = None  # the run whose state the screen shows anyway

    def __init__(self, workshop: Workshop, title: str) -> None:
        super().__init__()
        self.workshop = workshop
        self._place_title = title

    def compose(self) -> ComposeResult:
        yield TitleBar(self._place_title)
        yield from self.body()
        yield Footer(compact=True, show_command_palette=False)
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

    @property
    def is_there(self) -> bool:
        """Whether its widgets can be updated: ask after every wait, as it may have been left meanwhile."""
        return bool(self.query(TitleBar))

    def complain(self, error: DDPMError) -> None:
        """Show what a person can mend."""
        self.notify(str(error), severity="error", timeout=10, markup=False)

    def _show_training(self) -> None:
        """On the right of the title: the run that this app trains."""
        if not (self.is_current and self.is_there):
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
            aside = Content.assemble(state_content(state), f" {runner.run.name} ", (steps, "$muted"))
        self.query_one(TitleBar).show_aside(aside)
