"""Asks how and where a checkpoint is to be written for other programs, and writes it."""

import asyncio
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, LoadingIndicator, Static

from ddpm.checkpoint import Checkpoint, weights_in
from ddpm.config import Config
from ddpm.errors import DDPMError
from ddpm.runs import Run
from ddpm.sample_recipe import NO_CLASS
from studio.exporting import FORMATS, export, usual_place
from studio.widgets.fields import Field, KeyedInput
from studio.widgets.key_line import KeyLine
from studio.widgets.picker import Picker


class ExportDialog(ModalScreen[str | None]):
    """Gives what was written and how to draw from it; escape is none. What is wrong is said until it is mended."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "export", "Export", priority=True),
        Binding("escape", "leave", "Cancel", key_display="esc"),
    ]

    def __init__(self, run: Run, config: Config, checkpoint: Checkpoint) -> None:
        super().__init__()
        self._run, self._config, self._checkpoint = run, config, checkpoint
        self._usual = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="export-dialog"):
            yield Static(Content.styled(f"Export step {self._checkpoint.step:,}", "bold"))
            yield Static("", id="export-format-words", classes="dialog-detail", markup=False)
            yield Field("Format", Picker(FORMATS, "safetensors"), id="export-format")
            yield Field("Weights", Picker(weights_in(self._checkpoint), "ema"), id="export-weights")
            yield Field(
                "Draws the class",
                Picker((NO_CLASS, *self._config.data.class_names), NO_CLASS),
                id="export-class",
            )
            yield Field("In", KeyedInput(""), id="export-path")
            yield Static("", classes="dialog-problem", markup=False)
            yield LoadingIndicator()
            with Horizontal(classes="dialog-buttons"):
                yield Button("Export (ctrl+s)", id="yes", variant="primary", compact=True)
                yield Button("Cancel (esc)", id="no", compact=True)
        yield KeyLine()

    def on_mount(self) -> None:
        self._busy(False)
        self._show_choice()

    def _field(self, id: str) -> Field:
        return self.query_one(f"#{id}", Field)

    def _show_choice(self) -> None:
        """What the format is, whether it needs a class, and a usual place unless a person typed another."""
        format, weights = self._field("export-format").text, self._field("export-weights").text
        words = f"{format}: {FORMATS[format]}"
        self.query_one("#export-format-words", Static).update(Content.styled(words, "$muted"))
        self._field("export-class").display = format == "diffusers" and bool(self._config.num_classes)
        path = self._field("export-path")
        usual = str(
            usual_place(self._run.path / "exports", self._run.name, self._checkpoint.step, weights, format)
        )
        if path.text in ("", self._usual):
            path.fill(usual)
        self._usual = usual

    def on_picker_changed(self, event: Picker.Changed) -> None:
        self._show_choice()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._say("")

    def on_input_submitted(self) -> None:
        self.action_export()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "yes":
            self.action_export()
        else:
            self.action_leave()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        # A file that is being written would be written all the same.
        return None if action in ("export", "leave") and self._is_busy else True

    @property
    def _is_busy(self) -> bool:
        return bool(self.query(LoadingIndicator)) and self.query_one(LoadingIndicator).display

    def _busy(self, busy: bool) -> None:
        self.query_one(LoadingIndicator).display = busy
        self.query(Button).set(disabled=busy)
        self.refresh_bindings()

    def _say(self, problem: str) -> None:
        self.query_one(".dialog-problem", Static).update(problem)

    def action_leave(self) -> None:
        if not self._is_busy:
            self.dismiss(None)

    def action_export(self) -> None:
        place = self._field("export-path").text.strip()
        if not place:
            self._say("Name the place to write to.")
        elif not self._is_busy:
            self._export(Path(place).expanduser())

    @work(group="export", exclusive=True, exit_on_error=False)
    async def _export(self, out: Path) -> None:
        self._say("")
        self._busy(True)
        label = self._field("export-class")
        chosen = label.text if label.display and label.text != NO_CLASS else None
        weights, format = self._field("export-weights").text, self._field("export-format").text
        try:
            words = await asyncio.to_thread(
                partial(_written, self._run, self._checkpoint, weights, format, out, chosen)
            )
        except DDPMError as error:
            self._say(str(error))
        else:
            self.dismiss(words)
        finally:
            if self.is_attached:
                self._busy(False)


def _written(
    run: Run, checkpoint: Checkpoint, weights: str, format: str, out: Path, label: str | None
) -> str:
    from ddpm.generate import load_network  # torch, in the thread that writes

    return export(load_network(run, checkpoint, weights, "cpu"), format, out, label)
