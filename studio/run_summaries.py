"""One line about every run, read cheaply enough to do it once a second for a thousand of them.

``read`` looks at what a trainer says of itself and opens only files that have changed. ``read_details`` opens more
of a run (recipe, metrics, tags), the runs that a person sees first, for as long as it is given.
"""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.errors import ConfigError
from ddpm.printable import printable
from studio.metrics_sketch import number_or_none, sketch
from studio.run_state import ALIVE, SeenState, seen_state
from studio.run_tags import FILE as TAGS
from studio.run_tags import read_tags

if TYPE_CHECKING:
    from ddpm.runs import Run, Status

_Version = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class RunDetails:
    """What takes more than a glance. ``losses``: the curve in a few points; rates in images per second."""

    source: str = ""
    loss: float | None = None
    losses: tuple[float, ...] = ()
    img_per_s: float | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunSummary:
    """What the list of runs shows. ``changed`` is in seconds since 1970, 0 where nothing is known."""

    run: "Run"
    state: SeenState
    step: int
    steps: int
    changed: float
    details: RunDetails | None = None  # None until they have been read

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def source(self) -> str:
        return self.details.source if self.details else ""

    @property
    def loss(self) -> float | None:
        return self.details.loss if self.details else None

    @property
    def tags(self) -> tuple[str, ...]:
        return self.details.tags if self.details else ()


@dataclass
class _Known:
    """What was read of a run, and of which versions of its files."""

    status: "Status | None" = None
    status_version: _Version | None = None
    details: RunDetails | None = None
    details_version: _Version | None = None


class RunSummaries:
    """Reads the runs below a folder. Not thread-safe: one call at a time, from any thread."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[Path, _Known] = {}

    def read(self, starting: Path | None = None) -> list[RunSummary]:
        """All runs, by name, with the details that are known. Raises RunError where the folder cannot be read.

        ``starting``: the run that this process has a thread for.
        """
        # In the thread that reads, so that pydantic does not delay the first paint.
        from ddpm.runs_root import list_runs

        runs = list_runs(self._root)
        self._known = {run.path: self._known.get(run.path) or _Known() for run in runs}
        return [self._readable(run, starting == run.path) for run in runs]

    def read_details(self, runs: "Iterable[Run]", seconds: float = math.inf) -> bool:
        """Read the details of those that have changed, in this order.

        False where the time is up: call again with the same iterator to go on behind the last one that was read.
        """
        deadline = time.monotonic() + seconds
        for run in runs:
            known = self._known.get(run.path)
            version = _version(run.config_path, run.metrics_path, run.path / TAGS)
            if known is not None and known.details_version != version:
                known.details, known.details_version = _details(run), version
            if time.monotonic() > deadline:
                return False
        return True

    def with_details(self, summary: RunSummary) -> RunSummary:
        """The summary with the details that are known by now."""
        known = self._known.get(summary.run.path)
        if known is None or known.details is summary.details:
            return summary
        return replace(summary, details=known.details)

    def _readable(self, run: "Run", starting: bool) -> RunSummary:
        """The summary; a line that says so where files of the run are not what they should be."""
        try:
            return self._summary(run, starting)
        except Exception:  # whatever else may be written in a file: one run must not hide the others
            return RunSummary(run, "failed", 0, 0, 0.0, RunDetails("damaged"))

    def _summary(self, run: "Run", starting: bool) -> RunSummary:
        known = self._known[run.path]
        # The lock of a run whose trainer has had its last word need not be asked for.
        said_alive = known.status is not None and known.status.state in ALIVE
        training = (said_alive or starting) and run.is_training()
        version = _version(run.status_path)
        if known.status is None or known.status_version != version:
            training = run.is_training()
            known.status, known.status_version = run.status(), version
        status = known.status
        return RunSummary(
            run=run,
            state=seen_state(status, training=training, starting=starting),
            step=status.step,
            steps=status.steps,
            changed=_changed(run, status.heartbeat),
            details=known.details,
        )


def _version(*paths: Path) -> _Version:
    """Changes when one of the files does, as files are replaced or grow."""
    return tuple(_file_version(path) for path in paths)


def _file_version(path: Path) -> tuple[int, int, int]:
    try:
        status = path.lstat()
    except OSError:
        return (0, 0, 0)
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def _details(run: "Run") -> RunDetails:
    try:
        found = sketch(run.metrics_path)
        last = found.last or {}
        return RunDetails(
            source=_read_source(run),
            loss=number_or_none(last.get("loss")),
            losses=found.losses,
            img_per_s=number_or_none(last.get("img_per_s")),
            tags=read_tags(run),
        )
    except Exception:  # as above
        return RunDetails("damaged")


def _read_source(run: "Run") -> str:
    try:
        source = run.config().data.source
    except ConfigError:
        return "damaged"
    return printable(Path(source).name if "/" in source else source)


def _changed(run: "Run", heartbeat: float) -> float:
    if heartbeat:
        return heartbeat
    try:
        return run.config_path.stat().st_mtime
    except OSError:
        return 0.0
