"""Several runs side by side: their curves, what their recipes differ in, and their previews at one step.

Knows no screen.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ddpm.config import Config, sections
from ddpm.printable import printable
from ddpm.runs import Run
from studio.feed import News, RunFeed
from studio.run_view import RunView
from studio.series_looks import FEWEST_COMPARED, MOST_SERIES, SeriesLook

UNKNOWN = "?"
# Follows from the data set, and may be long.
_NOT_COMPARED = ("data.class_names",)


@dataclass(frozen=True)
class Difference:
    """A field of the recipe, as ``section.field``, and its value in each of the runs, in their order."""

    field: str
    values: tuple[str, ...]


class ComparedRun:
    """One of the runs; ``look`` reads the disk in any thread, ``take`` brings what it found."""

    def __init__(self, run: Run, look: SeriesLook) -> None:
        self.run = run
        self.look = look
        self.view = RunView()
        self.preview_steps: tuple[int, ...] = ()
        self._feed = RunFeed(run)

    def glance(self) -> News:
        """Read what is new."""
        return self._feed.poll()

    def take(self, news: News, *, starting: bool) -> None:
        """Add what was read. ``starting``: this process has a training thread for the run."""
        self.view.take(news, starting=starting)
        self.preview_steps = news.preview_steps

    def preview_step(self, step: int | None) -> int | None:
        """The step of its last preview that is not later than ``step``; None where all are, or there is no step."""
        if step is None:
            return None
        at = bisect_right(self.preview_steps, step)
        return self.preview_steps[at - 1] if at else None


class CompareView:
    """Two to eight runs, and the one step at which their previews are shown: the latest, until another is chosen."""

    def __init__(self, runs: Sequence[tuple[Run, SeriesLook]]) -> None:
        """Raises ValueError for fewer than two runs and for more than eight."""
        if not FEWEST_COMPARED <= len(runs) <= MOST_SERIES:
            raise ValueError(f"{FEWEST_COMPARED} to {MOST_SERIES} runs can be compared, not {len(runs)}")
        self.runs = [ComparedRun(run, look) for run, look in runs]
        self._chosen: int | None = None

    # The linked slider

    @property
    def steps(self) -> list[int]:
        """The steps at which any of the runs has a preview."""
        return sorted({step for run in self.runs for step in run.preview_steps})

    @property
    def place(self) -> int:
        """Where among ``steps`` the slider stands; 0 while there are none."""
        steps = self.steps
        if self._chosen is None:
            return max(0, len(steps) - 1)
        return max(0, bisect_right(steps, self._chosen) - 1)

    @property
    def step(self) -> int | None:
        """The step that the slider stands at; None while there is no preview."""
        steps = self.steps
        return steps[self.place] if steps else None

    @property
    def shown_steps(self) -> list[int | None]:
        """The step of the preview to show of each run."""
        step = self.step
        return [run.preview_step(step) for run in self.runs]

    def go(self, place: int) -> None:
        """Put the slider at one of ``steps``; at the last it follows what comes."""
        steps = self.steps
        place = max(0, min(place, len(steps) - 1))
        self._chosen = steps[place] if place < len(steps) - 1 else None

    # The recipes

    @property
    def differences(self) -> list[Difference]:
        """The fields of the recipes that are not the same in all runs."""
        return differences([run.view.config for run in self.runs])


def differences(configs: Sequence[Config | None]) -> list[Difference]:
    """The fields that differ, in the recipe's order; where a recipe cannot be read its values are unknown."""
    told = [_told(config) if config else {} for config in configs]
    found = []
    for field in _fields():
        values = tuple(values.get(field, UNKNOWN) for values in told)
        if len({value for value, known in zip(values, told, strict=True) if known}) > 1:
            found.append(Difference(field, values))
    return found


def _fields() -> list[str]:
    fields = [f"{section}.{field}" for section, model in sections().items() for field in model.model_fields]
    return [field for field in fields if field not in _NOT_COMPARED] + ["changes"]


def _told(config: Config) -> dict[str, str]:
    """Every field of a recipe in words."""
    told = {
        f"{section}.{field}": _words(getattr(getattr(config, section), field))
        for section, model in sections().items()
        for field in model.model_fields
    }
    steps = ", ".join(f"{change.step:,}" for change in config.changes)
    return told | {"changes": f"at step {steps}" if steps else "none"}


def _words(value: Any) -> str:
    match value:
        case None:
            return "unset"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case tuple():
            return ",".join(map(_words, value)) or "none"
    return printable(str(value))
