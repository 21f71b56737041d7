"""Previews of several runs side by side at the same step, under one slider."""

import asyncio

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from studio import figures
from studio.compare_view import ComparedRun, CompareView
from studio.preview_images import images_at
from studio.terminal import Pictures
from studio.widgets.preview import SamplePane
from studio.widgets.slider import Slider
from studio.widgets.words import Words


class RunSamples(Vertical):
    """The samples of one run at one step, below a line that names both."""

    def __init__(self, compared: ComparedRun, pictures: Pictures) -> None:
        super().__init__()
        self._compared = compared
        self._pictures = pictures
        self._shown: int | None = -1
        self._wanted: int | None = None

    def compose(self) -> ComposeResult:
        yield Words("", classes="samples-of")
        yield SamplePane(self._pictures, empty="")

    def on_resize(self) -> None:
        self._write_caption()

    async def follow(self, found: int | None) -> None:
        """Show the preview of the step that was found; None where there is none yet."""
        self._wanted = found
        self._write_caption()
        if found == self._shown:
            return
        pane = self.query_one(SamplePane)
        if found is None:
            pane.say("no samples yet")
        else:
            images, problem = await asyncio.to_thread(images_at, self._compared.run, found)
            # Meanwhile the slider may have gone on.
            if self._wanted != found or not self.is_attached:
                return
            if images is None:
                pane.say(problem)
            else:
                pane.show(images)
        self._shown = found

    def _write_caption(self) -> None:
        look = self._compared.look
        step = "" if self._wanted is None else f" {self._wanted:,}"
        name = figures.shortened(self._compared.run.name, max(1, self.size.width - len(step) - 3))
        caption = Content.assemble((f"{look.glyph} {name}", f"bold ${look.variable}"), (step, "$muted"))
        self.query_one(Words).update(caption)


class ComparePreviews(Vertical):
    """Call ``follow`` when the view may have more, or its slider was moved."""

    DEFAULT_CSS = """
    ComparePreviews {
        & > Horizontal { height: 1fr; }
        & RunSamples { width: 1fr; margin-right: 1; }
        & .samples-of { height: 1; width: 100%; text-align: center; text-wrap: nowrap; }
        & SamplePane { height: 1fr; }
        & > Slider { margin: 0 1; }
    }
    """

    def __init__(self, view: CompareView, pictures: Pictures, id: str | None = None) -> None:
        super().__init__(id=id)
        self._view = view
        self._pictures = pictures

    def compose(self) -> ComposeResult:
        with Horizontal():
            for run in self._view.runs:
                yield RunSamples(run, self._pictures)
        yield Slider("step", "[", "]", id="compare-step")

    def show_place(self) -> None:
        """Put the slider where the view has it."""
        steps = self._view.steps
        words = f"{steps[self._view.place]:,}" if steps else "– no samples yet"
        self.query_one(Slider).show(self._view.place, max(0, len(steps) - 1), words)

    async def follow(self) -> None:
        """Show the samples of all at the step of the slider."""
        for samples, step in zip(self.query(RunSamples), self._view.shown_steps, strict=True):
            await samples.follow(step)
