"""The samples of a run, step by step: the latest, or any earlier ones, by averaged or raw weights."""

import asyncio
from typing import ClassVar, Literal

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from ddpm.runs import Run
from studio.actions import bindings
from studio.preview_images import images_at
from studio.preview_timeline import PreviewTimeline
from studio.terminal import Pictures
from studio.widgets.preview import SamplePane
from studio.widgets.slider import Slider


class PreviewPane(Vertical):
    """Follows a run's previews; keys, a track below the samples and the mouse lead to earlier ones."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("samples")
    DEFAULT_CSS = """
    PreviewPane {
        & > SamplePane { height: 1fr; }
        & > Slider { display: none; margin: 0 1; }
        &.-several > Slider { display: block; }
    }
    """

    def __init__(self, run: Run, pictures: Pictures, *, empty: str, id: str | None = None) -> None:
        super().__init__(id=id)
        self._run, self._pictures, self._empty = run, pictures, empty
        self.timeline = PreviewTimeline()
        self.weights: Literal["ema", "raw"] = "ema"
        self._shown: tuple[int, str] | None = None

    def compose(self) -> ComposeResult:
        yield SamplePane(self._pictures, empty=self._empty)
        track = Slider("step", "", "")
        track.can_focus = False
        yield track

    def on_mount(self) -> None:
        self.border_title = "samples"

    def take(self, steps: tuple[int, ...], empty: str) -> None:
        """The steps that there are previews of now; ``empty``: what to say while there is none."""
        self.timeline.take(steps)
        if not steps:
            self._shown = None
            if self.border_title != "samples":  # setting it paints the pane, though it is the same
                self.border_title = "samples"
            self.query_one(SamplePane).say(empty)
        self._follow()

    def on_sample_pane_arranged(self, message: SamplePane.Arranged) -> None:
        for name, words in (
            ("border_title", message.title),
            ("border_subtitle", message.pane.border_subtitle),
        ):
            if getattr(self, name) != words:
                setattr(self, name, words)

    # What is shown

    def _follow(self) -> None:
        timeline = self.timeline
        self.set_class(len(timeline.steps) > 1, "-several")
        if timeline.step is None:
            return
        track = self.query_one(Slider)
        track.show(timeline.position, len(timeline.steps) - 1, f"{timeline.step:,} · {timeline.words}")
        if (timeline.step, self.weights) != self._shown:
            self._shown = (timeline.step, self.weights)
            self._open(timeline.step, self.weights)

    @work(group="preview", exclusive=True, exit_on_error=False)
    async def _open(self, step: int, weights: str) -> None:
        images, problem = await asyncio.to_thread(images_at, self._run, step, weights)
        if not self.is_mounted or self._shown != (step, weights):
            return
        pane = self.query_one(SamplePane)
        title = f"samples · step {step:,}" + (" · raw" if weights == "raw" else "")
        if images is None:
            self.border_title, self.border_subtitle = title, ""
            pane.say(problem)
        else:
            pane.show(images, title)

    # Keys and mouse

    def action_step(self, by: int) -> None:
        """Earlier samples, or later ones; after the last ones the latest are followed."""
        self.timeline.move(by)
        self._follow()

    def action_first(self) -> None:
        self.timeline.go_to(0)
        self._follow()

    def action_latest(self) -> None:
        self.timeline.follow()
        self._follow()

    def on_slider_moved(self, message: Slider.Moved) -> None:
        message.stop()
        self.timeline.go_to(message.value)
        self._follow()

    def show_other_weights(self) -> None:
        """Samples of the raw weights, or of the averaged ones again."""
        self.weights = "ema" if self.weights == "raw" else "raw"
        self._follow()
