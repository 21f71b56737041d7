"""Asks how and where a checkpoint is to be written for other programs, and writes it."""

from pathlib import Path
from typing import ClassVar

from pydantic import ValidationError
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from ddpm.averaging import MADE
from ddpm.checkpoint import Checkpoint, weights_in
from ddpm.config import Config
from ddpm.errors import DDPMError
from ddpm.progress import Progress
from ddpm.runs import Run
from ddpm.sample_config import SampleConfig
from ddpm.sample_recipe import NO_CLASS
from studio import figures
from studio.action import Place
from studio.actions import window_bindings
from studio.exporting import FORMATS, export, usual_place
from studio.long_job import GivenUpError, LongJob, told_as
from studio.screens.window import StudioWindow
from studio.screens.working import LOOK_SECONDS, JobProgress
from studio.widgets.choice import Choice
from studio.widgets.fields import Field, KeyedInput
from studio.widgets.key_line import KeyLine
from studio.widgets.picker import Picker
from studio.widgets.sample_form import LENGTH_WORDS, NUMBER, POST_HOC, USUAL_LENGTH, choices_of


class ExportDialog(StudioWindow[str | None]):
    """Gives what was written and how to draw from it; escape is none. What is wrong is said until it is mended."""

    place: ClassVar[Place] = "export"
    BINDINGS: ClassVar[list[BindingType]] = window_bindings("export")

    def __init__(self, run: Run, config: Config, checkpoint: Checkpoint) -> None:
        super().__init__()
        self._run, self._config, self._checkpoint = run, config, checkpoint
        self._usual = ""
        self._job: LongJob[str] | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="export-dialog"):
            yield Static(Content.styled(f"Export step {self._checkpoint.step:,}", "bold"))
            yield Static("", id="export-format-words", classes="dialog-detail", markup=False)
            yield Field("Format", Picker(FORMATS, "safetensors"), id="export-format")
            yield Field(
                "Weights", Picker(choices_of(weights_in(self._checkpoint)), "ema"), id="export-weights"
            )
            yield Field("Length", KeyedInput(USUAL_LENGTH, allowed=NUMBER), id="export-length")
            yield Field(
                "Draws the class",
                Picker((NO_CLASS, *self._config.data.class_names), NO_CLASS),
                id="export-class",
            )
            yield Field("In", KeyedInput(""), id="export-path")
            yield Static("", classes="dialog-problem", markup=False)
            yield JobProgress()
            with Horizontal(classes="dialog-buttons"):
                yield Choice("Export (ctrl+s)", "yes", "primary")
                yield Choice("Cancel (esc)", "no")
        yield KeyLine()

    def on_mount(self) -> None:
        self._busy(None)
        self._show_choice()
        self.set_interval(LOOK_SECONDS, self._show_progress)

    def on_unmount(self) -> None:
        if self._job:
            self._job.give_up()  # the app may be left by a signal

    def _field(self, id: str) -> Field:
        return self.query_one(f"#{id}", Field)

    @property
    def _weights(self) -> str:
        chosen = self._field("export-weights").text
        return f"{MADE}{self._field('export-length').text.strip()}" if chosen == POST_HOC else chosen

    def _show_choice(self) -> None:
        """What the format is, what else has to be said, and a usual place unless a person typed another."""
        format, weights = self._field("export-format").text, self._weights
        self._field("export-length").display = weights.startswith(MADE)
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

    @on(Input.Changed, "#export-length Input")
    def _length_changed(self) -> None:
        self._show_choice()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._say("")

    def on_input_submitted(self) -> None:
        self.action_export()

    def on_choice_chosen(self, event: Choice.Chosen) -> None:
        if event.choice.id == "yes":
            self.action_export()
        else:
            self.action_leave()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return None if action == "export" and self._job else True

    def _busy(self, job: LongJob[str] | None) -> None:
        self._job = job
        self.query_one(JobProgress).display = job is not None
        self.query_one("#yes", Choice).disabled = job is not None
        self.refresh_bindings()

    def _show_progress(self) -> None:
        if self._job:
            self.query_one(JobProgress).show(self._job)

    def _say(self, problem: str) -> None:
        self.query_one(".dialog-problem", Static).update(problem)

    def action_leave(self) -> None:
        """End what is being written; where nothing is, or it does not end, leave."""
        if self._job and not self._job.is_given_up:
            self._job.give_up()
        else:
            self.dismiss(None)

    def action_export(self) -> None:
        place = self._field("export-path").text.strip()
        if not place:
            self._say("Name the place to write to.")
        elif not _are_weights(self._weights):
            self._say(f"Length: {LENGTH_WORDS}.")
        elif not self._job:
            self._export(Path(place).expanduser())

    @work(group="export", exclusive=True, exit_on_error=False)
    async def _export(self, out: Path) -> None:
        label = self._field("export-class")
        chosen = label.text if label.display and label.text != NO_CLASS else None
        weights, format = self._weights, self._field("export-format").text

        def write(progress: Progress) -> str:
            from ddpm.generate import load_network  # torch, in the thread that writes

            reading, writing = told_as(progress, "reading"), told_as(progress, "writing")
            network = load_network(self._run, self._checkpoint, weights, "cpu", reading)
            return export(network, format, out, chosen, writing)

        self._say("")
        job = LongJob(write, figures.size)
        job.start()
        self._busy(job)
        await job.over()
        if not self.is_attached:
            return
        self._busy(None)
        try:
            self.dismiss(job.result())
        except GivenUpError:
            self._say("Nothing was written.")
        except DDPMError as error:
            self._say(str(error))


def _are_weights(name: str) -> bool:
    try:
        SampleConfig(weights=name, steps=1)
    except ValidationError:
        return False
    return True
