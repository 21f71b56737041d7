"""How a long command shows that it moves: a bar on a terminal, plain lines in a pipe."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ddpm.events import (
    CheckpointSaved,
    Event,
    MetricsLogged,
    NonFinite,
    Noted,
    PreviewDrawn,
    RecipeChanged,
    RolledBack,
    StateChanged,
    StepDone,
    Warned,
)
from ddpm.preview_file import preview_name
from ddpm.printable import printable
from ddpm.runs import Run
from studio.home import home_option

SECONDS_BETWEEN_LINES = 5.0


class TrainingReport(Protocol):
    """What follows a training run."""

    def event(self, event: Event) -> None:
        """Show one event of the trainer."""

    def download(self, what: str, done: int, total: int) -> None:
        """Show how much of a file has come."""


@contextmanager
def training_progress(run: Run) -> Iterator[TrainingReport]:
    """A report that fits where stdout goes."""
    if not sys.stdout.isatty():
        yield PlainReport(run)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(), transient=False) as progress:
        yield BarReport(run, progress)


@contextmanager
def drawing_progress(what: str = "drawing") -> Iterator["DrawingReport"]:
    """A bar for a drawing or a measurement, or silence in a pipe: it ends with a line of its own."""
    if not sys.stdout.isatty():
        yield lambda done, total: None
        return
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    ) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


class DrawingReport(Protocol):
    """Called with the denoising steps done and their total."""

    def __call__(self, done: int, total: int) -> None: ...


def figures(event: MetricsLogged) -> str:
    """The numbers of a row of metrics, for people."""
    loss = "none" if event.loss is None else f"{event.loss:.4f}"
    return f"loss {loss}  lr {event.lr:.2e}  {event.img_per_s:,.0f} images/s"


def happening(event: Event, run: Run) -> str:
    """What an event says in words; empty when it is not worth a line."""
    match event:
        case StateChanged(state="running", step=step):
            status = run.status()
            return (
                f"training {run.name} on {status.device}: {status.dataset_size:,} images, "
                f"{status.parameters:,} parameters, from step {step} to {status.steps}"
            )
        case StateChanged(state=state, step=step, message=message):
            said = f"{state} at step {step}" + (f": {message}" if message else "")
            return "\n".join([said, *_what_next(state, run)])
        case NonFinite(step=step, loss=loss, grad_norm=grad_norm):
            return f"step {step} changed nothing: its loss is {loss}, its gradient's norm {grad_norm}"
        case RolledBack(step=step, back_to=back_to, words=words):
            return f"back from step {step} to {back_to}: {words}"
        case RecipeChanged(step=step, words=words):
            return f"from step {step} on: {words}"
        case Noted(step=step, words=words):
            return f"note at step {step}: {words}"
        case PreviewDrawn(step=step, recipe=recipe):
            return f"preview {run.previews_path / preview_name(step, recipe['weights'])}.png"
        case Warned(step=step, message=message):
            return f"warning at step {step}: {message}"
        case CheckpointSaved(step=step):
            return f"checkpoint {run.checkpoints_path / f'{step:08d}'}"
        case _:
            return ""


def _what_next(state: str, run: Run) -> list[str]:
    """What a person may want to do with a run that has ended."""
    home = home_option(run.path.parent.parent)
    if state == "finished":
        return [f"draw from it: ddpm-studio sample {run.name}{home}"]
    return [f"go on: ddpm-studio train --resume {run.name}{home}"] if state == "stopped" else []


class PlainReport:
    """A line for whatever happens, and the numbers every few seconds."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.last_line = 0.0

    def event(self, event: Event) -> None:
        if isinstance(event, MetricsLogged):
            if time.monotonic() - self.last_line >= SECONDS_BETWEEN_LINES:
                self._line(f"step {event.step}  {figures(event)}")
        elif (words := happening(event, self.run)) and not isinstance(event, PreviewDrawn):
            self._line(words)

    def download(self, what: str, done: int, total: int) -> None:
        if (total and done >= total) or time.monotonic() - self.last_line >= SECONDS_BETWEEN_LINES:
            self._line(f"{what}: {done:,} of {total:,}" if total else f"{what}: {done:,}")

    def _line(self, words: str) -> None:
        self.last_line = time.monotonic()
        print(printable(words), flush=True)


class BarReport:
    """One bar for the training, above it a line for whatever happens."""

    def __init__(self, run: Run, progress: Progress) -> None:
        self.run = run
        self.progress = progress
        self.training = progress.add_task("preparing", total=None, figures="")
        self.downloading = None

    def event(self, event: Event) -> None:
        match event:
            case StepDone(step=step):
                self.progress.update(self.training, completed=step)
            case MetricsLogged():
                self.progress.update(self.training, figures=figures(event))
            case StateChanged(state=state, step=step):
                total = self.run.status().steps
                self.progress.update(self.training, description=state, completed=step, total=total)
                if state == "running":  # what was said of the data
                    self.progress.update(self.training, figures="")
        words = happening(event, self.run)
        if words and not isinstance(event, PreviewDrawn | CheckpointSaved):
            self.progress.console.print(printable(words), highlight=False, markup=False, soft_wrap=True)

    def download(self, what: str, done: int, total: int) -> None:
        share = f"{done:,} of {total:,}" if total else f"{done:,}"
        self.progress.update(
            self.training, description=what, completed=done, total=total or None, figures=share
        )
