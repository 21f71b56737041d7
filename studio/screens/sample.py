"""Drawing images from a run: they come out of the noise step by step, and one can go back through the steps."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Static

from ddpm.checkpoint import Checkpoint, weights_in
from ddpm.config import Config
from ddpm.errors import ConfigError, DDPMError
from ddpm.progress import Progress
from ddpm.runs import Run
from studio.action import Place
from studio.actions import bindings
from studio.drawing import Drawer
from studio.frames import Frame
from studio.gallery import SavedDrawing, images_of
from studio.long_job import LongJob, told_as
from studio.screens.attention import AttentionDialog
from studio.screens.base import StudioScreen
from studio.screens.gallery import GalleryDialog
from studio.widgets.bar import Bar
from studio.widgets.picker import Picker
from studio.widgets.preview import SamplePane
from studio.widgets.sample_form import SampleForm, choices_of
from studio.widgets.words import Words
from studio.workshop import Workshop

FRAME_SECONDS = 0.1
NONE_YET = "none yet"


@dataclass(frozen=True)
class Offered:
    """A whole checkpoint and the weights that it can be drawn with."""

    checkpoint: Checkpoint
    weights: tuple[str, ...]


class SampleScreen(StudioScreen):
    place: ClassVar[Place] = "sample"
    BINDINGS: ClassVar[list[BindingType]] = bindings("sample")

    def __init__(self, workshop: Workshop, run: Run, checkpoint: Checkpoint | None) -> None:
        super().__init__(workshop, run.name, " › Sample")
        self.run = run
        self.drawer = Drawer(workshop.data_root)
        self._wanted = checkpoint
        self._offered: dict[str, Offered] = {}
        self._frame: Frame | None = None
        self._following = True
        self._estimate = True
        self._was_alive = False
        self._saved_in: Path | None = None
        self._reopened = ""

    @property
    def chosen_run(self) -> Run | None:
        return self.run

    def body(self) -> list[Widget]:
        self._offered = self._whole_checkpoints()
        names = list(self._offered) or [NONE_YET]
        wanted = _name_of(self._wanted.step) if self._wanted else names[0]
        chosen = wanted if wanted in names else names[0]
        weights = self._offered[chosen].weights if chosen in self._offered else ()
        form = SampleForm(self._config(), names, chosen, weights, id="sample-form")
        result = Vertical(
            SamplePane(self.workshop.pictures, empty="press ctrl+s to draw", id="drawn"),
            Horizontal(Bar(id="drawing-bar"), Static("", id="drawing-counts"), id="drawing-line"),
            Words("", id="drawing-words", markup=False),
            id="sample-result",
        )
        left = Vertical(form, Words("", id="sample-help", markup=False), id="sample-left")
        return [Horizontal(left, result, id="sample-main")]

    def on_mount(self) -> None:
        self._title_pane()
        self.query_one("#draw").focus()
        self.set_interval(FRAME_SECONDS, self._look)
        self.follow(self._look_for_checkpoints)

    def on_unmount(self) -> None:
        self.drawer.stop()

    # Checkpoints

    def _whole_checkpoints(self) -> dict[str, Offered]:
        """The newest first, by the words they are chosen with."""
        return {
            _name_of(found.step): Offered(found, choices_of(weights_in(found)))
            for found in reversed(self.run.checkpoints())
            if found.whole
        }

    async def _look_for_checkpoints(self) -> float:
        found = await asyncio.to_thread(self._whole_checkpoints)
        if self.is_there and not self.drawer.is_alive:
            self._offer_checkpoints(found)
        return 1.0

    def _offer_checkpoints(self, found: dict[str, Offered]) -> None:
        # An open list is not changed under the cursor.
        if any(picker.is_open for picker in self._form.query(Picker)):
            return
        others = list(found) != list(self._offered)
        self._offered = found
        if others:
            self._form.field("checkpoint").offer(list(found) or [NONE_YET])
            self._offer_weights()

    def _offer_weights(self) -> None:
        """Those of the chosen checkpoint: not all of them need store the same averages."""
        chosen = self._offered.get(self._form.field("checkpoint").text)
        if chosen is not None:
            self._form.offer_weights(chosen.weights)

    def _config(self) -> Config | None:
        try:
            return self.run.config()
        except ConfigError:
            return None

    # The form

    @property
    def _form(self) -> SampleForm:
        return self.query_one(SampleForm)

    def on_picker_changed(self, event: Picker.Changed) -> None:
        if event.picker is self._form.field("checkpoint").control:
            self._offer_weights()

    def on_descendant_focus(self) -> None:
        self.query_one("#sample-help", Words).update(self._form.help())

    def on_input_submitted(self) -> None:
        self.focus_next()

    def on_button_pressed(self) -> None:
        self.action_draw()

    # Drawing

    def action_draw(self) -> None:
        order = self._form.order()
        chosen = self._offered.get(self._form.field("checkpoint").text)
        if chosen is None:
            self.notify("There is no whole checkpoint to draw from yet.", severity="warning")
            return
        if order is None:
            self.remove_class("-full-samples")  # what is wrong is said at the fields
        if order is None or self.drawer.is_alive:
            return
        self._frame, self._following, self._saved_in, self._reopened = None, True, None, ""
        self._title_pane()
        self.query_one(SamplePane).say("loading the network …")
        self.query_one("#drawing-bar", Bar).share = 0
        self.query_one("#drawing-counts", Static).update("")
        self._say("")
        newest = next(iter(self._offered.values()))
        self.drawer.start(self.run, chosen.checkpoint, order, else_newest=chosen == newest)
        self._was_alive = True  # it may be over before the next look
        # Letters are keys of the screen again, not text in a field.
        self.query_one(SamplePane).focus()
        self.refresh_bindings()

    def _look(self) -> None:
        latest = self.drawer.frames.latest
        if latest is None and self.drawer.is_alive:
            share = f"\n{self.drawer.loaded:.0%}" if self.drawer.loaded else ""
            self.query_one(SamplePane).say(f"loading the network …{share}")
        if self._following and latest is not None and latest is not self._frame and not self._reopened:
            self._show(latest)
        alive = self.drawer.is_alive
        if alive != self._was_alive:
            self._was_alive = alive
            self.refresh_bindings()
            if not alive:
                self._drawing_ended()

    def _show(self, frame: Frame) -> None:
        self._frame = frame
        self.query_one(SamplePane).show(frame.x_0 if self._estimate and not frame.is_last else frame.x_t)
        self._title_pane()
        self.query_one("#drawing-bar", Bar).share = frame.done / frame.total
        self.query_one("#drawing-counts", Static).update(f"{frame.done}/{frame.total}")
        self.refresh_bindings()

    def _drawing_ended(self) -> None:
        latest = self.drawer.frames.latest
        if self.drawer.error:
            self.query_one(SamplePane).say("no images")
            self._say(f"✗ {self.drawer.error}")
        elif latest is None:
            self.query_one(SamplePane).say("no images")
            self._say(self.drawer.note)
        elif not latest.is_last:
            self._say("Stopped. Press ctrl+s to draw again, w to save what is there.")
        else:
            self._say(f"Done. Press w to save the images as PNG, ← to go back. {self.drawer.note}".strip())

    def _say(self, words: str) -> None:
        self.query_one("#drawing-words", Words).update(words)

    def _title_pane(self) -> None:
        frame = self._frame
        if self._reopened:
            title = self._reopened
        elif frame is not None and frame.is_last:
            title = "samples"
        else:
            title = "estimate of x_0" if self._estimate else "x_t"
        pane = self.query_one(SamplePane)
        if pane.border_title != title:
            pane.border_title = title

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "stop":
                return self.drawer.is_alive
            case "draw":
                return None if self.drawer.is_alive else True
            case "toggle_estimate":
                return self._frame is None or not self._frame.is_last
            case "write" | "write_gif":
                return self.drawer.has_result and not self._reopened
            case "attention":
                return self._frame is not None and not self._reopened and self.drawer.shows_attention
            case "step" | "go":
                return self._frame is not None and not self._reopened
        return True

    def action_stop(self) -> None:
        self.drawer.stop()

    def action_toggle_estimate(self) -> None:
        self._estimate = not self._estimate
        self._title_pane()
        if self._frame is not None:
            self._show(self._frame)

    def action_step(self, by: int) -> None:
        """Back or forth through the steps; beyond the last one the drawing is followed again."""
        if self._frame is not None:
            self._go_to(self.drawer.frames.beside(self._frame.done, by))

    def action_go(self, end: int) -> None:
        """To the first step, or to the latest."""
        self._go_to(None if end else self.drawer.frames.beside(0, -1))

    def _go_to(self, frame: Frame | None) -> None:
        self._following = frame is None
        shown = frame or self.drawer.frames.latest
        if shown is not None:
            self._show(shown)

    def action_attention(self) -> None:
        network, order = self.drawer.network, self.drawer.order
        if network is not None and order is not None and self._frame is not None:
            self.app.push_screen(
                AttentionDialog(network, order.recipe, self._frame.done, self.workshop.pictures)
            )

    # Saving

    def action_write(self) -> None:
        self._write(as_gif=False)

    def action_write_gif(self) -> None:
        self._write(as_gif=True)

    @work(group="write", exclusive=True, exit_on_error=False)
    async def _write(self, *, as_gif: bool) -> None:
        folder = self._saved_in or self.run.path / "samples" / time.strftime("%Y%m%d-%H%M%S")
        estimates = self._estimate

        def write(progress: Progress) -> Path:
            self.run.refuse_gone()
            grid = self.drawer.save(folder, told_as(progress, "writing image"))
            if not as_gif:
                return grid
            told = told_as(progress, "making frame")
            return self.drawer.save_gif(folder, estimates=estimates, told=told)

        job = LongJob(write)
        if not await self.finished("Saving", job, "Saving was ended."):
            return
        written = job.result()
        if self.is_there:
            self._saved_in = folder
            self._say(f"Saved in {folder}" + (f", with {written.name}" if written.suffix == ".gif" else ""))

    # What was saved before

    def action_full_samples(self) -> None:
        self.toggle_class("-full-samples")
        self.query_one("#drawn" if self.has_class("-full-samples") else "#draw").focus()

    async def action_go_back(self) -> None:
        """Out of the full size; then back to the screen before."""
        if self.has_class("-full-samples"):
            self.action_full_samples()
        else:
            await self.app.run_action("back")

    def action_gallery(self) -> None:
        self._open_gallery()

    @work(group="gallery", exclusive=True, exit_on_error=False)
    async def _open_gallery(self) -> None:
        chosen = await self.app.push_screen_wait(GalleryDialog(self.run, self.workshop.pictures))
        if chosen is not None and not self.drawer.is_alive:
            await self._reopen(chosen)

    async def _reopen(self, chosen: SavedDrawing) -> None:
        try:
            images = await asyncio.to_thread(images_of, chosen)
            order = chosen.order()
        except DDPMError as error:
            self.complain(error)
            return
        name = _name_of(int(chosen.recipe.get("step", 0)))
        self._form.fill(order, name)
        self._reopened = chosen.name
        self._show(Frame(order.recipe.steps, order.recipe.steps, images, images))
        gone = "" if name in self._offered else f" {name} is no longer there: choose another checkpoint."
        self._say(f"{chosen.about}. Press ctrl+s to draw it again.{gone}")
        self.query_one(SamplePane).focus()


def _name_of(step: int) -> str:
    return f"step {step:,}"
