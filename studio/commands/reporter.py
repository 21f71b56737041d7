"""Shows a training from a thread of its own: a terminal or a pipe that nobody reads makes no trainer wait."""

import threading
from collections.abc import Callable
from queue import SimpleQueue

from ddpm.events import Event
from ddpm.runs import Run
from studio.commands.progress import TrainingReport, training_progress
from studio.terminal_line import TerminalLine

MOST_WAITING = 1000  # what comes while so much is to be shown already is not shown
PATIENCE = 1.0  # how many seconds a terminal that does not read may hold up the end
LOOK_EVERY = 0.05


class Reporter:
    """Passes on what a TrainingReport is told. ``error``: why nothing is shown any more, if so."""

    def __init__(self, run: Run, line: TerminalLine) -> None:
        self.error: OSError | None = None
        self._run, self._line = run, line
        self._news: SimpleQueue[Callable[[TrainingReport], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._show, name="report", daemon=True)
        self._thread.start()

    def event(self, event: Event) -> None:
        """Have an event shown."""
        self._pass_on(lambda report: report.event(event))

    def download(self, what: str, done: int, total: int) -> None:
        """Have it shown how much of a file has come."""
        self._pass_on(lambda report: report.download(what, done, total))

    def close(self) -> None:
        """Wait until all is shown, or thrown away where nobody reads it."""
        self._news.put(None)
        self._thread.join(PATIENCE)
        while self._thread.is_alive():
            if not self._line.takes_more:
                self._line.throw_away_unread()
            self._thread.join(LOOK_EVERY)

    def _pass_on(self, news: Callable[[TrainingReport], None]) -> None:
        if self.error is None and self._news.qsize() < MOST_WAITING:
            self._news.put(news)

    def _show(self) -> None:
        try:
            with training_progress(self._run) as report:
                while news := self._news.get():
                    news(report)
        except OSError as error:
            self.error = error
