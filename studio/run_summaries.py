"""One line about every run, read cheaply enough to do it once a second."""

from dataclasses import dataclass
from pathlib import Path

from ddpm.errors import ConfigError
from ddpm.printable import printable
from ddpm.runs import Run, list_runs
from studio.feed import last_row
from studio.run_state import ALIVE, SeenState, seen_state


@dataclass(frozen=True)
class RunSummary:
    """What the list of runs shows. ``changed`` is in seconds since 1970, 0 where nothing is known."""

    run: Run
    source: str
    state: SeenState
    step: int
    steps: int
    loss: float | None
    changed: float


class RunSummaries:
    """Reads the runs below a folder. Recipes are read again only when they change."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._sources: dict[Path, tuple[int, str]] = {}

    def read(self, starting: Path | None = None) -> list[RunSummary]:
        """All runs: those that are alive by name, then the others, the one changed last first.

        ``starting``: the run that this process has a thread for.
        """
        found = [self._readable(run, starting == run.path) for run in list_runs(self._root)]
        return sorted(found, key=_order)

    def _readable(self, run: Run, starting: bool) -> RunSummary:
        """The summary; a line that says so where files of the run are not what they should be."""
        try:
            return self._summary(run, starting)
        except Exception:  # whatever else may be written in a file: one run must not hide the others
            return RunSummary(run, "damaged", "failed", 0, 0, None, 0.0)

    def _summary(self, run: Run, starting: bool) -> RunSummary:
        training = run.is_training()
        status = run.status()
        row = last_row(run.metrics_path) or {}
        loss = row.get("loss")
        return RunSummary(
            run=run,
            source=self._source(run),
            state=seen_state(status, training=training, starting=starting),
            step=status.step,
            steps=status.steps,
            loss=float(loss) if isinstance(loss, int | float) else None,
            changed=_changed(run, status.heartbeat),
        )

    def _source(self, run: Run) -> str:
        try:
            changed = run.config_path.stat().st_mtime_ns
        except OSError:
            return "?"
        known = self._sources.get(run.path)
        if known is None or known[0] != changed:
            known = (changed, _read_source(run))
            self._sources[run.path] = known
        return known[1]


def _order(summary: RunSummary) -> tuple[bool, float, str]:
    # Heartbeats of two live runs take turns; their rows must not.
    alive = summary.state in ALIVE
    return (not alive, 0.0 if alive else -summary.changed, summary.run.name)


def _read_source(run: Run) -> str:
    try:
        source = run.config().data.source
    except ConfigError:
        return "damaged recipe"
    return printable(Path(source).name if "/" in source else source)


def _changed(run: Run, heartbeat: float) -> float:
    if heartbeat:
        return heartbeat
    try:
        return run.config_path.stat().st_mtime
    except OSError:
        return 0.0
