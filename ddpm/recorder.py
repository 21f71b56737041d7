"""Writes what a trainer says into its run directory."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from ddpm import checkpoint as checkpoints
from ddpm import retention
from ddpm.commands import Command
from ddpm.config import Config
from ddpm.errors import ConfigError, RunError
from ddpm.events import (
    CheckpointDue,
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
from ddpm.files import json_bytes, replace_file
from ddpm.images import grid, write_png
from ddpm.preview_file import preview_name
from ddpm.runs import Run, Status
from ddpm.train_config import TrainConfig

if TYPE_CHECKING:
    from ddpm.sources.imageset import Progress

HEARTBEAT_SECONDS = 1.0
# How long after a checkpoint that could not be written the next try is; each failure doubles it, up to the second.
RETRY_SECONDS = (30.0, 600.0)
# Rows of metrics that wait for a disk that fails; the oldest are lost where there are more.
MOST_ROWS_WAITING = 10_000


class Recorder:
    """The one writer of a run's records. A disk that fails costs records, not training; only the last
    checkpoint must not be lost in silence. Make it while holding the run's lock."""

    def __init__(self, run: Run, status: Status, train: TrainConfig) -> None:
        self.run = run
        self.status = status
        self.train = train
        self._lock = run.lock_identity()
        self._beat_at = 0.0
        self._rows: deque[dict[str, Any]] = deque(maxlen=MOST_ROWS_WAITING)
        self._retry_at: float | None = None
        self._retry_seconds = RETRY_SECONDS[0]

    def follow(self, events: Iterable[Event]) -> Iterator[Event]:
        """Write down each event, then pass it on; one that cannot be written becomes a Warned.

        Raises RunError when the last checkpoint cannot be written, and when the run directory is gone.
        """
        for event in events:
            try:
                self._write(event)
            except OSError as error:
                self._refuse_gone()
                if not (isinstance(event, MetricsLogged) and len(self._rows) > 1):  # else it is known
                    yield self.warn(event.step, f"{_name(event)} could not be written: {error.strerror}")
                if isinstance(event, CheckpointDue):
                    self._try_again_later()
                if isinstance(event, RecipeChanged):
                    event.refused = not self._is_stored(event.config)
            else:
                yield event
                # One made amid bad steps takes the place of no good one: training may have to go back to that.
                if isinstance(event, CheckpointDue) and not event.state.get("non_finite_in_a_row"):
                    yield from self._prune(event.step)
            self._beat_if_due()

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
        """Note a new state, in status.json and events.jsonl."""
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

    def _write(self, event: Event) -> None:
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
            case PreviewDrawn():
                self._preview(event)
            case CheckpointDue():
                self._checkpoint(event)
            case SnapshotDue():
                self._snapshot(event)
            case RecipeChanged():
                self._change_recipe(event)
            case Noted():
                self._note("note", event.step, event.words)

    def _write_rows(self) -> None:
        """Write the rows that wait, oldest first. One that the disk refuses stays, and is tried again."""
        while self._rows:
            self.run.append_metrics(self._rows[0])
            self._rows.popleft()

    def _preview(self, event: PreviewDrawn) -> None:
        weights = event.recipe["weights"]
        path = self.run.previews_path / f"{preview_name(event.step, weights)}.png"
        write_png(path, grid(event.images.numpy(), event.recipe["columns"]))
        # The description last: a preview without one is not listed.
        replace_file(path.with_suffix(".json"), json_bytes(event.recipe), durable=False)
        whose = " of the raw weights" if weights == "raw" else ""
        self._note("preview", event.step, f"{len(event.images)} samples{whose}")

    def _checkpoint(self, event: CheckpointDue) -> None:
        folder = self.run.checkpoints_path
        with suppress(OSError):  # whoever resumes from here makes no earlier row again
            self._write_rows()
        try:
            saved = checkpoints.save(folder, event.step, event.tensors, event.state)
        except OSError as error:
            self._refuse_gone()
            if event.reason != "end":
                raise
            raise RunError(
                f"The last checkpoint (step {event.step}) could not be written to {folder}: {error.strerror}. "
                "Earlier checkpoints are untouched: make room, then resume the run."
            ) from None
        self._retry_at, self._retry_seconds = None, RETRY_SECONDS[0]
        self._note("checkpoint", event.step, f"{saved.size / 1e6:.1f} MB, {event.reason}")

    def _snapshot(self, event: SnapshotDue) -> None:
        folder = self.run.snapshots_path
        checkpoints.save(folder, event.step, event.tensors, {"lengths": event.lengths})
        checkpoints.clear_leftovers(folder)

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

    def _prune(self, step: int) -> Iterator[Warned]:
        try:
            retention.prune(self.run.checkpoints_path, self.train.keep_checkpoints, self.train.keep_every)
        except OSError as error:
            yield self.warn(step, f"old checkpoints could not be deleted: {error.strerror}")

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


def _name(event: Event) -> str:
    match event:
        case CheckpointDue():
            return "the checkpoint"
        case PreviewDrawn():
            return "the preview"
        case SnapshotDue():
            return "the snapshot of the averages"
        case RecipeChanged():
            return f"the change {event.words}"
        case NonFinite():
            return "the event of a step without a loss"
        case _:
            return "a row of metrics"
