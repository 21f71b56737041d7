"""The list of runs as a person has arranged it: filtered, ordered and marked. Knows no screen."""

from dataclasses import dataclass

from studio import figures
from studio.run_filter import RunFilter, parse_filter
from studio.run_order import WORDS, Order, in_order, next_order
from studio.run_summaries import RunSummary
from studio.series_looks import Marks, SeriesLook


@dataclass(frozen=True)
class RunRow:
    """A run of the list, and the look that marks it, if it is marked."""

    summary: RunSummary
    look: SeriesLook | None = None


class RunList:
    """``take`` brings what was read; the rest is what a person asks for."""

    def __init__(self) -> None:
        self.order: Order = "changed"
        self.filter = RunFilter()
        self.marks = Marks()
        self._all: list[RunSummary] = []
        self._shown: list[RunSummary] = []

    def take(self, summaries: list[RunSummary]) -> None:
        """Show these runs from now on.

        Marks of others count no more, but are kept: what is taken may have been read before a run was renamed.
        """
        self._all = summaries
        self._arrange()

    def toggle_mark(self, name: str) -> None:
        """Mark a run, or take its mark away. Raises ValueError where as many are marked as can be told apart."""
        self.marks.keep_only({summary.name for summary in self._all})
        self.marks.toggle(name)

    def filter_by(self, text: str) -> None:
        """Show the runs that a filter lets through."""
        self.filter = parse_filter(text)
        self._arrange()

    def order_by(self, order: Order | None = None) -> None:
        """Put the runs in an order, or in the next one."""
        self.order = order or next_order(self.order)
        self._arrange()

    def _arrange(self) -> None:
        self._shown = in_order(filter(self.filter.matches, self._all), self.order)

    @property
    def is_empty(self) -> bool:
        """Whether there is no run at all."""
        return not self._all

    @property
    def all_runs(self) -> list[RunSummary]:
        """The shown ones first."""
        shown = {summary.name for summary in self._shown}
        return self._shown + [summary for summary in self._all if summary.name not in shown]

    @property
    def rows(self) -> list[RunRow]:
        """What to show, from the top."""
        return [RunRow(summary, self.marks.look(summary.name)) for summary in self._shown]

    @property
    def marked(self) -> list[RunRow]:
        """The marked runs in the order of their looks, hidden ones too."""
        by_name = {summary.name: summary for summary in self._all}
        return [RunRow(by_name[name], self.marks.look(name)) for name in self.marks.names if name in by_name]

    @property
    def words(self) -> str:
        """How many there are, in which order, and what can be done with the marked ones."""
        total = figures.count(len(self._all))
        if self.filter.is_empty:
            found = f"{total} {'run' if len(self._all) == 1 else 'runs'}"
        else:
            found = f"{figures.count(len(self._shown))} of {total}"
        parts = [found, WORDS[self.order]]
        if n_marked := len(self.marked):
            parts.append(f"{n_marked} marked" + (": C compares" if n_marked > 1 else ""))
        unread = sum(summary.details is None for summary in self._all)
        if unread and self.filter.needs_details:
            parts.append(f"reading {figures.count(unread)} more …")
        return " · ".join(parts)
