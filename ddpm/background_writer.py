"""Writes checkpoints, snapshots and previews on a thread of its own, one after another, while training goes on.

Checkpoints and snapshots are written from copies that are made when they are due, so that training is held up for
as long as it takes to copy. At most one of each is being written: the next waits for it.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from pathlib import Path

from ddpm import checkpoint as checkpoints
from ddpm import retention
from ddpm.events import (
    CheckpointDue,
    CheckpointSaved,
    Event,
    PreviewDrawn,
    RollbackDue,
    SnapshotDue,
    SnapshotSaved,
    StateChanged,
)
from ddpm.files import json_bytes, replace_file
from ddpm.images import grid, write_png
from ddpm.preview_file import preview_name
from ddpm.runs import Run
from ddpm.tensor_copies import TensorCopies
from ddpm.train_config import TrainConfig

# Previews that wait for a slow disk, before training does.
MOST_PREVIEWS = 8

Outcome = Future[Event | None]


class BackgroundWriter:
    """Each work belongs to an event; works are done in the order of their start. Only ``wait`` and ``close`` wait."""

    def __init__(self, run: Run, train: TrainConfig) -> None:
        self._run, self._train = run, train
        # No daemon: a program that ends by an error ends when what was begun is written.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._works: deque[tuple[Event, Outcome]] = deque()
        self._checkpoint_copies, self._snapshot_copies = TensorCopies(), TensorCopies()
        self._borrowing: Outcome | None = None

    @property
    def is_busy(self) -> bool:
        """Whether there is work that is not over, or not told yet."""
        return bool(self._works)

    @property
    def is_borrowing(self) -> bool:
        """Whether the trainer's own tensors are being written, so that it must not go on."""
        return self._borrowing is not None and not self._borrowing.done()

    def is_in_the_way_of(self, event: Event) -> bool:
        """Whether work has to be over before this event is dealt with."""
        match event:
            case CheckpointDue() | SnapshotDue():
                return bool(self._steps_of(type(event))) and not self._is_saving(event)
            case PreviewDrawn():
                return len(self._steps_of(PreviewDrawn)) >= MOST_PREVIEWS
            case RollbackDue() | StateChanged(state="stopped" | "finished" | "failed"):
                return self.is_busy
            case _:
                return False

    def write_preview(self, drawn: PreviewDrawn) -> None:
        """Have a preview written."""
        self._start(drawn, partial(_write_preview, self._run, drawn))

    def save_snapshot(self, due: SnapshotDue) -> None:
        """Have a copy written; where memory is too short for one, the trainer's own tensors."""
        copies = self._snapshot_copies.take(due.tensors)
        outcome = self._start(
            due, partial(_save_snapshot, self._run, replace(due, tensors=copies or due.tensors))
        )
        self._borrowing = None if copies else outcome

    def save_checkpoint(self, due: CheckpointDue) -> None:
        """Have a copy written; at the end, and where memory is too short for one, the trainer's own tensors.

        One that was asked for is left out while that of the same step is being written: it is the same.
        """
        if self._is_saving(due):
            return
        copies = None if due.reason == "end" else self._checkpoint_copies.take(due.tensors)
        outcome = self._start(
            due, partial(_save_checkpoint, self._run, replace(due, tensors=copies or due.tensors))
        )
        self._borrowing = None if copies else outcome

    def prune(self, saved: CheckpointSaved) -> None:
        """Have the checkpoints deleted that are not to be kept now that this one is whole."""
        newest, every = self._train.keep_checkpoints, self._train.keep_every
        self._start(saved, partial(_prune, self._run.checkpoints_path, newest, every))

    def ended(self) -> Iterator[tuple[Event, Outcome]]:
        """The works that are over, each told once; what comes of a success is the event to pass on, if any."""
        while self._works and self._works[0][1].done():
            yield self._works.popleft()

    def wait(self, seconds: float) -> None:
        """Wait until the oldest work is over, for at most so long."""
        if self._works:
            wait([self._works[0][1]], timeout=seconds)

    def close(self) -> None:
        """Wait for all work, and end the thread; nothing can be started any more."""
        self._thread.shutdown(wait=True)

    def _start(self, event: Event, work: Callable[[], Event | None]) -> Outcome:
        outcome = self._thread.submit(work)
        self._works.append((event, outcome))
        return outcome

    def _steps_of(self, kind: type[Event]) -> list[int]:
        return [event.step for event, _ in self._works if isinstance(event, kind)]

    def _is_saving(self, due: CheckpointDue | SnapshotDue) -> bool:
        is_asked = isinstance(due, CheckpointDue) and due.reason == "asked"
        return is_asked and due.step in self._steps_of(CheckpointDue)


def _write_preview(run: Run, drawn: PreviewDrawn) -> PreviewDrawn:
    path = run.previews_path / f"{preview_name(drawn.step, drawn.recipe['weights'])}.png"
    write_png(path, grid(drawn.images.numpy(), drawn.recipe["columns"]))
    # The description last: a preview without one is not listed.
    replace_file(path.with_suffix(".json"), json_bytes(drawn.recipe), durable=False)
    return drawn


def _save_snapshot(run: Run, due: SnapshotDue) -> SnapshotSaved:
    checkpoints.save(run.snapshots_path, due.step, due.tensors, {"lengths": due.lengths})
    checkpoints.clear_leftovers(run.snapshots_path)
    return SnapshotSaved(due.step)


def _save_checkpoint(run: Run, due: CheckpointDue) -> CheckpointSaved:
    saved = checkpoints.save(run.checkpoints_path, due.step, due.tensors, due.state)
    return CheckpointSaved(due.step, saved, due.reason)


def _prune(folder: Path, keep_newest: int, keep_every: int) -> None:
    retention.prune(folder, keep_newest, keep_every)
