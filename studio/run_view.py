"""Everything that the monitor shows about one run, gathered from the news of its feed. Knows no screen."""

import math
from typing import Any

from ddpm.config import Config
from ddpm.runs import Status
from studio.feed import News
from studio.run_series import RunSeries, number, numbers, rising
from studio.run_state import SeenState, seen_state
from studio.spikes import SpikeFinder
from studio.store import Series

# The kinds of events that a curve may show something of, and how many of the newest of them are kept: of all kinds
# together a long run has many thousands.
MARKED = frozenset({"resumed", "changed", "rolled-back", "non-finite", "note"})
MOST_MARKED = 500


class RunView:
    """What is known about a run so far; ``take`` adds news."""

    def __init__(self) -> None:
        self.series = RunSeries()
        self._read_so_far: RunSeries | None = None
        self.spikes = SpikeFinder()
        self.latest: dict[str, Any] = {}
        self.marked: tuple[dict[str, Any], ...] = ()
        self.status = Status(state="stopped")
        self.state: SeenState = "stopped"
        self.config: Config | None = None
        self.problem = ""
        self.preview_steps: tuple[int, ...] = ()

    def take(self, news: News, *, starting: bool) -> None:
        """Add what a poll found. ``starting``: this process has a training thread for the run.

        Of a run that is gone everything stays as it was last seen.
        """
        if news.gone:
            self.state = "gone"
            return
        self.status = news.status
        self.state = seen_state(news.status, training=news.training, starting=starting)
        self.config = news.config or self.config
        self.problem = news.problem
        self.preview_steps = news.preview_steps
        if news.rows_began_again:
            self.series.clear()
            self._read_so_far = None
            self.spikes.clear()
            self.latest = {}
        if news.sample:
            self._begin_with(rising(news.sample))
        self._take_rows(news.rows)
        if not news.more:
            self._end_overview()
        if news.events_began_again:
            self.marked = ()
        if marked := [event for event in news.events if str(event.get("kind")) in MARKED]:
            self.marked = (*self.marked, *marked)[-MOST_MARKED:]

    def _begin_with(self, sample: list[dict[str, Any]]) -> None:
        """Show some rows from all over a long run until all of them have been read."""
        self._read_so_far = RunSeries()
        self.series.extend(sample)
        self._take_latest(sample)

    def _end_overview(self) -> None:
        if self._read_so_far is not None:
            self.series.become(self._read_so_far)
            self._read_so_far = None

    def _take_rows(self, rows: list[dict[str, Any]]) -> None:
        series = self.series if self._read_so_far is None else self._read_so_far
        taken = rising(rows, series.last_step)
        series.extend(taken)
        self.spikes.extend(numbers(taken, "step"), numbers(taken, "loss"))
        self._take_latest(taken)

    def _take_latest(self, rows: list[dict[str, Any]]) -> None:
        if rows and number(rows[-1].get("step")) >= number(self.latest.get("step", 0)):
            self.latest = rows[-1]

    @property
    def loss(self) -> Series:
        """The loss over the steps."""
        return self.series.of("loss")

    @property
    def step(self) -> int:
        return self.status.step

    @property
    def steps(self) -> int:
        """All the steps of the recipe, or what the trainer said last; 0 where neither is known."""
        return self.config.train.steps if self.config else self.status.steps

    @property
    def share_done(self) -> float:
        """The part of the training that is over, 0 to 1."""
        return min(1.0, self.step / self.steps) if self.steps else 0.0

    def figure(self, name: str) -> float | None:
        """A number of the latest row of metrics; None while there is none."""
        value = number(self.latest.get(name))
        return None if math.isnan(value) else value

    @property
    def seconds_left(self) -> float:
        """Training time to the end at the latest speed; NaN while it is unknown."""
        speed = self.figure("img_per_s")
        if self.config is None or not speed:
            return math.nan
        by_steps = (self.steps - self.step) * self.config.train.batch_size / speed
        if self.config.train.max_minutes is None:
            return max(0.0, by_steps)
        by_clock = self.config.train.max_minutes * 60 - (self.figure("seconds") or 0.0)
        return max(0.0, min(by_steps, by_clock))

    @property
    def memory(self) -> dict[str, int]:
        """The latest memory figures in bytes; empty while there are none."""
        figures = self.latest.get("memory")
        if not isinstance(figures, dict):
            return {}
        return {name: int(value) for name, value in figures.items() if math.isfinite(number(value))}
