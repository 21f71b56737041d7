"""Drawing images from a run: they come out of the noise step by step."""

import asyncio
import time
from typing import ClassVar

from textual import work
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Select, Static

from ddpm.checkpoint import Checkpoint, weights_in
from ddpm.config import Config
from ddpm.errors import ConfigError, DDPMError
from ddpm.runs import Run
from studio.actions import Place, bindings
from studio.drawing import Drawer, Frame
from studio.screens.base import StudioScreen
from studio.widgets.bar import Bar
from studio.widgets.preview import SamplePane
from studio.widgets.sample_form import SampleForm
from studio.workshop import Workshop

FRAME_SECONDS = 0.1
NONE_YET = "none yet"


class SampleScreen(StudioScreen):
    place: ClassVar[Place] = "sample"
    BINDINGS: ClassVar[list[BindingType]] = bindings("sample")

    def __init__(self, workshop: Workshop, run: Run, checkpoint: Checkpoint | None) -> None:
        super().__init__(workshop, run.name, " › Sample")
        self.run = run
        self.drawer = Drawer()
        self._wanted = checkpoint
        self._checkpoints: dict[str, Checkpoint] = {}
        self._frame: Frame | None = None
        self._estimate = True
        self._was_alive = False

    def body(self) -> list[Widget]:
        self._checkpoints = self._whole_checkpoints()
        names = list(self._checkpoints) or [NONE_YET]
        wanted = f"step {self._wanted.step:,}" if self._wanted else names[0]
        chosen = wanted if wanted in names else names[0]
        weights = sorted({name for found in self._checkpoints.values() for name in weights_in(found)})
        form = SampleForm(self._config(), names, chosen, weights, id="sample-form")
        result = Vertical(
            SamplePane(self.workshop.pictures, empty="press ctrl+s to draw", id="drawn"),
            Horizontal(Bar(id="drawing-bar"), Static("", id="drawing-counts"), id="drawing-line"),
            Static("", id="drawing-words", markup=False),
            id="sample-result",
        )
        return [Horizontal(form, result, id="sample-main")]

    def on_mount(self) -> None:
        self._title_pane()
        self.query_one("#draw").focus()
        self.set_interval(FRAME_SECONDS, self._look)
        self.follow(self._look_for_checkpoints)

    def on_unmount(self) -> None:
        self.drawer.stop()

    def _whole_checkpoints(self) -> dict[str, Checkpoint]:
        """The newest first, by the words they are chosen with."""
        return {f"step {found.step:,}": found for found in reversed(self.run.checkpoints()) if found.whole}

    async def _look_for_checkpoints(self) -> float:
        found = await asyncio.to_thread(self._whole_checkpoints)
        if self.is_there and not self.drawer.is_alive:
            self._offer_checkpoints(found)
        return 1.0

    def _offer_checkpoints(self, found: dict[str, Checkpoint]) -> None:
        picked = self._form.field("checkpoint").control
        # An open list is not changed under the cursor.
        if isinstance(picked, Select) and picked.expanded:
            return
        others = list(found) != list(self._checkpoints)
        self._checkpoints = found
        if others:
            self._form.field("checkpoint").offer(list(found) or [NONE_YET])

    def _config(self) -> Config | None:
        try:
            return self.run.config()
        except ConfigError:
            return None

    @property
    def _form(self) -> SampleForm:
        return self.query_one(SampleForm)

    def on_input_submitted(self) -> None:
        self.focus_next()

    def on_button_pressed(self) -> None:
        self.action_draw()

    # Drawing

    def action_draw(self) -> None:
        sample = self._form.recipe()
        checkpoint = self._checkpoints.get(self._form.field("checkpoint").text)
        if checkpoint is None:
            self.notify("There is no whole checkpoint to draw from yet.", severity="warning")
            return
        if sample is None or self.drawer.is_alive:
            return
        self._frame = None
        self._title_pane()
        self.query_one(SamplePane).say("loading the network …")
        self.query_one("#drawing-words", Static).update("")
        newest = next(iter(self._checkpoints.values()))
        self.drawer.start(self.run, checkpoint, sample, else_newest=checkpoint == newest)
        self._was_alive = True  # it may be over before the next look
        # Letters are keys of the screen again, not text in a field.
        self.query_one(SamplePane).focus()
        self.refresh_bindings()

    def _look(self) -> None:
        if frame := self.drawer.take_frame():
            self._frame = frame
            self._show_frame()
        alive = self.drawer.is_alive
        if alive != self._was_alive:
            self._was_alive = alive
            self.refresh_bindings()
            if not alive:
                self._drawing_ended()

    @property
    def _is_done(self) -> bool:
        """Whether the last step has been taken: then x_t and the estimate are one, the samples."""
        return self._frame is not None and self._frame.done == self._frame.total

    def _show_frame(self) -> None:
        frame = self._frame
        if frame is None:
            return
        self.query_one(SamplePane).show(frame.x_0 if self._estimate and not self._is_done else frame.x_t)
        self._title_pane()
        self.query_one("#drawing-bar", Bar).share = frame.done / frame.total
        self.query_one("#drawing-counts", Static).update(f"{frame.done}/{frame.total}")

    def _drawing_ended(self) -> None:
        words = self.query_one("#drawing-words", Static)
        if self.drawer.error:
            self.query_one(SamplePane).say("no images")
            words.update(f"✗ {self.drawer.error}")
        elif self._frame is not None and self._frame.done < self._frame.total:
            words.update("Stopped. Press ctrl+s to draw again, w to save what is there.")
        else:
            words.update(f"Done. Press w to save the images as PNG. {self.drawer.note}".strip())

    def _title_pane(self) -> None:
        title = "samples" if self._is_done else "estimate of x_0" if self._estimate else "x_t"
        pane = self.query_one(SamplePane)
        if pane.border_title != title:
            pane.border_title = title

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "stop":
                return self.drawer.is_alive
            case "draw":
                return None if self.drawer.is_alive else True
            case "toggle_estimate":
                return not self._is_done
            case "write":
                return self.drawer.has_result
        return True

    def action_stop(self) -> None:
        self.drawer.stop()

    def action_toggle_estimate(self) -> None:
        self._estimate = not self._estimate
        self._title_pane()
        self._show_frame()

    def action_write(self) -> None:
        self._write()

    @work(group="write", exclusive=True, exit_on_error=False)
    async def _write(self) -> None:
        folder = self.run.path / "samples" / time.strftime("%Y%m%d-%H%M%S")
        try:
            self.run.refuse_gone()
            grid = await asyncio.to_thread(self.drawer.save, folder)
        except DDPMError as error:
            self.complain(error)
            return
        if self.is_there:
            self.query_one("#drawing-words", Static).update(f"Saved in {grid.parent}")
