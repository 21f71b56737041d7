"""Writes what a trainer says into its run directory."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ddpm.background_writer import BackgroundWriter
from ddpm.commands import Command
from ddpm.config import Config
from ddpm.errors import ConfigError, RunError
from ddpm.events import (
    CheckpointDue,
    CheckpointSaved,
    Event,
    MetricsLogged,
    NonFinite,
    Noted,
    PreviewDrawn,
    RecipeChanged,
    RolledBack,
    SnapshotDue,
    StateChanged,
    StepDone,
    Warned,
)
from ddpm.runs import Run, Status
from ddpm.sizes import size
from ddpm.train_config import TrainConfig

if TYPE_CHECKING:
    from ddpm.progress import Progress

HEARTBEAT_SECONDS = 1.0
# How long after a checkpoint that could not be written the next try is; each failure doubles it, up to the second.
RETRY_SECONDS = (30.0, 600.0)
# Rows of metrics that wait for a disk that fails; the oldest are lost where there are more.
MOST_ROWS_WAITING = 10_000


class Recorder:
    """The one writer of a run's records. A disk that fails costs records, not training; only the last
    checkpoint must not be lost in silence. Make it while holding the run's lock.

    What takes long is written by a BackgroundWriter, while training goes on.
    """

    def __init__(self, run: Run, status: Status, train: TrainConfig) -> None:
        self.run = run
        self.status = status
        self._lock = run.lock_identity()
        self._beat_at = 0.0
        self._rows: deque[dict[str, Any]] = deque(maxlen=MOST_ROWS_WAITING)
        self._retry_at: float | None = None
        self._retry_seconds = RETRY_SECONDS[0]
        self._writer = BackgroundWriter(run, train)

    def follow(self, events: Iterable[Event]) -> Iterator[Event]:
        """Write down each event, then pass it on; one that cannot be written becomes a Warned.

        What is due is passed on as saved, some steps later perhaps. Raises RunError when the last checkpoint cannot
        be written, and when the run directory is gone.
        """
        writer = self._writer
        for event in events:
            yield from self._wait_while(partial(writer.is_in_the_way_of, event))
            match event:
                case PreviewDrawn():
                    writer.write_preview(event)
                case SnapshotDue():
                    writer.save_snapshot(event)
                case CheckpointDue():
                    with suppress(OSError):  # whoever resumes from here makes no earlier row again
                        self._write_rows()
                    writer.save_checkpoint(event)
                case _:
                    yield from self._write(event)
            yield from self._wait_while(lambda: writer.is_borrowing)
            self._beat_if_due()
        yield from self._wait_while(lambda: writer.is_busy)

    def beating(self, progress: "Progress | None") -> "Progress":
        """``progress`` that is a sign of life as well: data may be downloaded and read for hours."""

        def report(what: str, done: int, total: int) -> None:
            self._beat_if_due()
            if progress:
                progress(what, done, total)

        return report

    def commands(self) -> list[Command]:
        """What the recorder asks of the trainer: a checkpoint, a while after one could not be written."""
        if self._retry_at is None or time.monotonic() < self._retry_at:
            return []
        self._retry_at = None
        return ["checkpoint"]

    def warn(self, step: int, message: str) -> Warned:
        """Note something that does not stop the run."""
        self._note("warning", step, message)
        return Warned(step, message)

    def change(self, state: StateChanged) -> None:
        """Note a new state, in status.json and events.jsonl; the last one when nothing is being written any more."""
        if state.state in ("stopped", "finished", "failed"):
            self._settle()
        self.status = replace(self.status, state=state.state, step=state.step, message=state.message)
        if not self._beat():
            self._beat()  # heartbeats come again by themselves; a last word does not
        self._note(state.state, state.step, state.message)

    def rolled_back(self, event: RolledBack) -> RolledBack:
        """Note that training goes on from an earlier step."""
        kept = [row for row in self._rows if row["step"] <= event.back_to]
        self._rows = deque(kept, MOST_ROWS_WAITING)
        self.status = replace(self.status, step=event.back_to)
        self._note("rolled-back", event.step, f"to step {event.back_to}: {event.words}")
        return event

    def _wait_while(self, condition: Callable[[], bool]) -> Iterator[Event]:
        """Give signs of life until the condition ends; what the writer has come to by then is noted and passed on."""
        yield from self._written()
        while condition():
            self._writer.wait(HEARTBEAT_SECONDS)
            self._beat_if_due()
            yield from self._written()

    def _written(self) -> Iterator[Event]:
        """Note what the writer has come to since the last look, and pass it on."""
        for event, outcome in self._writer.ended():
            try:
                written = outcome.result()
            except OSError as error:
                yield self._refused(event, error)
                continue
            match written:
                case PreviewDrawn():
                    self._note_preview(written)
                case CheckpointSaved():
                    self._note_checkpoint(written)
            if written:
                yield written
            match event, written:
                # One made amid bad steps takes the place of no good one: training may have to go back to that.
                case CheckpointDue(), CheckpointSaved() if not event.state.get("non_finite_in_a_row"):
                    self._writer.prune(written)

    def _refused(self, event: Event, error: OSError) -> Warned:
        """What to say of an event that the disk refused. Raises RunError where training cannot go on without it."""
        self._refuse_gone()
        if isinstance(event, CheckpointDue):
            if event.reason == "end":
                raise RunError(
                    f"The last checkpoint (step {event.step}) could not be written to {self.run.checkpoints_path}: "
                    f"{error.strerror}. Earlier checkpoints are untouched: make room, then resume the run."
                )
            self._try_again_later()
        if isinstance(event, RecipeChanged):
            event.refused = not self._is_stored(event.config)
        return self.warn(event.step, f"{_failure(event)}: {error.strerror}")

    def _settle(self) -> None:
        """Wait for the writer at the end of a run, whatever ends it."""
        with suppress(RunError):  # the run is ending, and of one error already where there are two
            for _ in self._wait_while(lambda: self._writer.is_busy):
                pass
        self._writer.close()

    def _write(self, event: Event) -> Iterator[Event]:
        try:
            self._write_down(event)
        except OSError as error:
            if isinstance(event, MetricsLogged) and len(self._rows) > 1:  # it is known
                self._refuse_gone()
            else:
                yield self._refused(event, error)
        else:
            yield event

    def _write_down(self, event: Event) -> None:
        match event:
            case StateChanged():
                self.change(event)
            case StepDone():
                self.status = replace(self.status, step=event.step, images_seen=event.images_seen)
            case MetricsLogged():
                self._rows.append(_row(event))
                self._write_rows()
            case NonFinite():
                self._non_finite(event)
            case RecipeChanged():
                self._change_recipe(event)
            case Noted():
                self._note("note", event.step, event.words)

    def _write_rows(self) -> None:
        """Write the rows that wait, oldest first. One that the disk refuses stays, and is tried again."""
        while self._rows:
            self.run.append_metrics(self._rows[0])
            self._rows.popleft()

    def _note_preview(self, drawn: PreviewDrawn) -> None:
        whose = " of the raw weights" if drawn.recipe["weights"] == "raw" else ""
        self._note("preview", drawn.step, f"{len(drawn.images)} samples{whose}")

    def _note_checkpoint(self, saved: CheckpointSaved) -> None:
        self._retry_at, self._retry_seconds = None, RETRY_SECONDS[0]
        self._note("checkpoint", saved.step, f"{size(saved.checkpoint.size)}, {saved.reason}")

    def _non_finite(self, event: NonFinite) -> None:
        # JSON has no word for what is no number.
        loss, grad_norm = str(event.loss), str(event.grad_norm)
        self.run.record(
            "non-finite",
            event.step,
            f"the loss is {loss} and its gradient's norm {grad_norm}, so nothing was learned from it",
            loss=loss,
            grad_norm=grad_norm,
            seed=event.seed,
            images_seen=event.images_seen,
            changes=[change.model_dump(exclude_none=True) for change in event.changes],
        )

    def _is_stored(self, config: Config) -> bool:
        """Whether this is the recipe on disk: what fails may have failed after the new file was in its place."""
        try:
            return self.run.config() == config
        except ConfigError:
            return False

    def _change_recipe(self, event: RecipeChanged) -> None:
        self.run.write_config(event.config)
        self._note("changed", event.step, event.words)

    def _try_again_later(self) -> None:
        self._retry_at = time.monotonic() + self._retry_seconds
        self._retry_seconds = min(2 * self._retry_seconds, RETRY_SECONDS[1])

    def _refuse_gone(self) -> None:
        if self._is_gone():
            raise RunError(
                f"The run directory {self.run.path} was removed or renamed, or its lock was, while it was trained, so "
                f"training stopped after step {self.status.step}. If it has another name now, resume it by that."
            )

    def _is_gone(self) -> bool:
        # By the lock, which this process holds open: another directory of the same name has another one.
        return self.run.lock_identity() != self._lock

    def _note(self, kind: str, step: int, message: str) -> None:
        if self._is_gone():
            return
        try:
            self.run.record(kind, step, message)
        except OSError as error:
            self.status = replace(self.status, message=f"events.jsonl not written: {error.strerror}")

    def _beat_if_due(self) -> None:
        # By a clock that nobody sets: one that is set back would silence the run.
        if time.monotonic() - self._beat_at >= HEARTBEAT_SECONDS:
            self._refuse_gone()
            self._beat()

    def _beat(self) -> bool:
        """Write status.json; False where the disk fails, which is where one would tell it."""
        self.status = replace(self.status, heartbeat=time.time())
        self._beat_at = time.monotonic()
        if self._is_gone():
            return True
        try:
            self.run.write_status(self.status)
        except OSError:
            return False
        return True


def _row(event: MetricsLogged) -> dict[str, Any]:
    row = {**asdict(event), "time": time.time()}
    if not event.skipped:
        del row["skipped"]
    if event.held_out_loss is None:
        del row["held_out_loss"]
    return row


def _failure(event: Event) -> str:
    match event:
        case CheckpointDue():
            return "the checkpoint could not be written"
        case CheckpointSaved():
            return "old checkpoints could not be deleted"
        case PreviewDrawn():
            return "the preview could not be written"
        case SnapshotDue():
            return "the snapshot of the averages could not be written"
        case RecipeChanged():
            return f"the change {event.words} could not be written"
        case NonFinite():
            return "the event of a step without a loss could not be written"
        case _:
            return "a row of metrics could not be written"
