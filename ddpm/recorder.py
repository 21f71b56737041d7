"""Writes what a trainer says into its run directory."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace

from ddpm import checkpoint as checkpoints
from ddpm.errors import RunError
from ddpm.events import (
    CheckpointDue,
    Event,
    MetricsLogged,
    PreviewDrawn,
    StateChanged,
    StepDone,
)
from ddpm.files import json_bytes, replace_file
from ddpm.images import grid, write_png
from ddpm.runs import Run, Status

HEARTBEAT_SECONDS = 1.0


class Recorder:
    """The one writer of a run's records. A disk that fails costs records, not training; only the last
    checkpoint must not be lost in silence."""

    def __init__(self, run: Run, status: Status, keep_checkpoints: int) -> None:
        self.run = run
        self.status = status
        self.keep_checkpoints = keep_checkpoints

    def follow(self, events: Iterable[Event]) -> Iterator[Event]:
        """Write down each event, then pass it on. Raises RunError when the last checkpoint cannot be written."""
        for event in events:
            self._write(event)
            yield event

    def change(self, state: StateChanged) -> None:
        """Note a new state, in status.json and events.jsonl."""
        self.status = replace(self.status, state=state.state, step=state.step, message=state.message)
        self._beat()
        self._note(state.state, state.step, state.message)

    def _write(self, event: Event) -> None:
        match event:
            case StateChanged():
                self.change(event)
            case StepDone():
                self.status = replace(self.status, step=event.step, images_seen=event.images_seen)
            case MetricsLogged():
                self._try("metrics.jsonl", event.step, lambda: self._metrics(event))
            case PreviewDrawn():
                self._try("a preview", event.step, lambda: self._preview(event))
            case CheckpointDue():
                self._checkpoint(event)
        if time.time() - self.status.heartbeat >= HEARTBEAT_SECONDS:
            self._beat()

    def _metrics(self, event: MetricsLogged) -> None:
        self.run.append_metrics({**asdict(event), "time": time.time()})

    def _preview(self, event: PreviewDrawn) -> None:
        path = self.run.previews_path / f"{checkpoints.step_name(event.step)}.png"
        write_png(path, grid(event.images.numpy(), event.recipe["columns"]))
        # The description last: a preview without one is not listed.
        replace_file(path.with_suffix(".json"), json_bytes(event.recipe), durable=False)
        self._note("preview", event.step, f"{len(event.images)} samples")

    def _checkpoint(self, event: CheckpointDue) -> None:
        folder = self.run.checkpoints_path
        try:
            saved = checkpoints.save(folder, event.step, event.tensors, event.state)
            checkpoints.prune(folder, self.keep_checkpoints)
        except OSError as error:
            if event.reason == "end":
                raise RunError(
                    f"The last checkpoint (step {event.step}) could not be written to {folder}: {error.strerror}. "
                    "Earlier checkpoints are untouched: make room, then resume the run."
                ) from None
            self._note("warning", event.step, f"checkpoint not written: {error.strerror}; training goes on")
            return
        self._note("checkpoint", event.step, f"{saved.size / 1e6:.1f} MB, {event.reason}")

    def _try(self, what: str, step: int, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            self._note("warning", step, f"{what} not written: {error.strerror}; training goes on")

    def _note(self, kind: str, step: int, message: str) -> None:
        try:
            self.run.record(kind, step, message)
        except OSError as error:
            self.status = replace(self.status, message=f"events.jsonl not written: {error.strerror}")

    def _beat(self) -> None:
        self.status = replace(self.status, heartbeat=time.time())
        try:
            self.run.write_status(self.status)
        except OSError:
            # Nothing to tell it to: the disk that fails is where one would. The next beat tries again.
            return
