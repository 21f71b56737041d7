"""What happened to runs that a person does not look at just now. Knows no screen."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from studio.run_state import ALIVE, SeenState
from studio.run_summaries import RunSummary

Severity = Literal["information", "warning", "error"]
# What a run that was alive a moment ago can have come to, and how that is told.
ENDS: dict[SeenState, tuple[str, Severity]] = {
    "finished": ("has finished: {step:,} steps", "information"),
    "stopped": ("has stopped at step {step:,}", "information"),
    "failed": ("has failed at step {step:,}", "error"),
    "dead": ("is no longer trained: its process ended at step {step:,}", "error"),
}


@dataclass(frozen=True)
class News:
    """A sentence about a run, and how bad it is."""

    words: str
    severity: Severity


class Elsewhere:
    """Compares the runs as they are with what they were; what is found the first time is no news."""

    def __init__(self) -> None:
        self._states: dict[Path, SeenState] = {}

    def take(self, summaries: Iterable[RunSummary], looked_at: Collection[Path] = ()) -> list[News]:
        """What has happened since the last call to runs that are not ``looked_at``."""
        news = []
        now = {}
        for summary in summaries:
            path, state = summary.run.path, summary.state
            now[path] = state
            if self._states.get(path) in ALIVE and state in ENDS and path not in looked_at:
                words, severity = ENDS[state]
                news.append(News(f"{summary.name} {words.format(step=summary.step)}.", severity))
        self._states = now
        return news
