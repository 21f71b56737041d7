"""Beside the form of a new run: images of its data set, and what training it takes, before it is started."""

import asyncio

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Button

from ddpm.config import Config, DataConfig
from studio.data_look import DataLook, Found, Glimpse
from studio.recipe_costs import Costs, costs_of
from studio.run_forecast import Known, forecast, with_known_data
from studio.trial import Trial
from studio.widgets.preview import SamplePane
from studio.widgets.words import Words
from studio.workshop import Workshop

# A path is typed letter by letter, and so are numbers.
DEBOUNCE_SECONDS = 0.2
LOOK_SECONDS = 0.1
# Lines for the classes of a data set, where there is room.
_CLASS_ROWS = 14


class Outlook(Vertical):
    """Say ``look_at`` and ``show`` as often as one likes: what has not changed costs nothing."""

    DEFAULT_CSS = """
    Outlook {
        & > #data-images { height: 6; border: round $foreground 20%; border-subtitle-color: $muted; }
        & > #forecast-scroll { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
        & #forecast { height: auto; }
        & > #start { width: 100%; }
    }
    """

    class DataFound(Message):
        """It is known what the data set is, or what is wrong with it."""

    def __init__(self, workshop: Workshop, id: str | None = None) -> None:
        super().__init__(id=id)
        self._workshop = workshop
        self._look = DataLook(workshop.data_root)
        self._trial = Trial(workshop.data_root)
        self._sought: tuple[object, ...] | None = None
        self._asking: Timer | None = None
        self._costing: Timer | None = None
        self._config: Config | None = None
        self._preset = self._command = ""
        self._costs: Costs | None = None
        self._computing = False
        self.found: Found | None = None

    def compose(self) -> ComposeResult:
        images = SamplePane(self._workshop.pictures, empty="looking …", id="data-images")
        images.can_focus = False
        yield images
        yield VerticalScroll(Words("", id="forecast", markup=False), id="forecast-scroll")
        yield Button("Start training  (ctrl+s)", id="start", variant="primary", compact=True)

    def on_mount(self) -> None:
        self.query_one("#forecast-scroll").border_title = "what will happen"
        self.set_interval(LOOK_SECONDS, self._take)

    def on_unmount(self) -> None:
        self._look.forget()
        self._trial.give_up()

    def on_resize(self) -> None:
        self._tell()

    # The data set

    def look_at(self, data: DataConfig | None) -> None:
        """Look at this data set, unless it is the one looked at last; at none as long as nobody knows which."""
        sought = (data.source, data.image_size, data.channels) if data else None
        if sought == self._sought:
            return
        self._sought, self.found = sought, None
        self._look.forget()
        if self._asking is not None:
            self._asking.stop()
        if data is None:
            self._show_images(None)
        else:
            self._asking = self.set_timer(DEBOUNCE_SECONDS, lambda: self._look.ask(data))

    def _take(self) -> None:
        if (found := self._look.take()) is not None:
            self.found = found
            self._show_images(found)
            self.post_message(self.DataFound())
            self._start_computing()  # what was computed before knew no shape of an image
        self._tell()

    def _show_images(self, found: Found | None) -> None:
        pane = self.query_one("#data-images", SamplePane)
        pane.border_subtitle = ""
        if isinstance(found, Glimpse):
            pane.show(found.images)
        else:
            pane.say("no images to show yet")

    # What training takes

    def show(self, config: Config | None, preset: str, command: str) -> None:
        """Tell of a recipe and of the command that makes the same; of none while the form is wrong.

        ``preset``: that it is, as it comes; empty where it is none.
        """
        self._preset, self._command = preset, command
        if config is not None and config != self._config:
            if self._costing is not None:
                self._costing.stop()
            self._costing = self.set_timer(DEBOUNCE_SECONDS, self._start_computing)
        self._config = config
        self._tell()

    @property
    def problem(self) -> str:
        """Why the recipe cannot be trained on this machine, as far as that is known."""
        config = self._shaped()
        return self._costs.problem if self._costs and self._costs.config == config else ""

    def _shaped(self) -> Config | None:
        """The recipe with what is known of its data."""
        return with_known_data(self._config, self.found) if self._config else None

    def _start_computing(self) -> None:
        if not self._computing:
            self._computing = True
            self._compute()

    @work(group="costs", exit_on_error=False)
    async def _compute(self) -> None:
        """Compute until the costs of the newest recipe are known."""
        try:
            while (config := self._shaped()) and (self._costs is None or self._costs.config != config):
                self._costs = await asyncio.to_thread(costs_of, config)
        finally:
            self._computing = False

    def _tell(self) -> None:
        if not self.query("#forecast"):
            return
        config = self._shaped()
        if config is None:
            self.query_one("#forecast", Words).update("Mend the marked fields to see what will happen.")
            return
        costs = self._costs if self._costs and self._costs.config == config else None
        known = Known(self.found, costs, self._trial.measured, self._trial.is_alive)
        width = max(10, self.query_one("#forecast-scroll").content_size.width)
        rows = _CLASS_ROWS if self.screen.has_class("-tall") else 0
        self.query_one("#forecast", Words).update(
            forecast(config, known, self._preset, self._command, width, rows)
        )

    # The trial

    def measure(self) -> bool:
        """Begin to measure how long a step takes, or break that off; False where there is nothing to measure."""
        if self._trial.is_alive:
            self._trial.give_up()
        elif config := self._shaped():
            self._trial.start(config)
        else:
            return False
        return True

    def is_measuring(self) -> bool:
        """Whether a trial goes on."""
        return self._trial.is_alive

    def end_trial(self) -> None:
        """Break off what is being measured, as soon as its step is done."""
        self._trial.give_up()
