"""Shows a training from a thread of its own: a terminal or a pipe that nobody reads makes no trainer wait."""

import os
import signal
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

from ddpm.events import Event
from ddpm.runs import Run
from studio.commands.progress import TrainingReport, training_progress

MOST_WAITING = 1000  # what comes while so much is to be shown already is not shown
PATIENCE = 1.0  # how many seconds a reader who does not read may hold up an end in haste
LOOK_EVERY = 0.05


class Reporter:
    """Passes on what a TrainingReport is told. ``error``: why nothing is shown any more, if so."""

    def __init__(self, run: Run) -> None:
        self.error: OSError | None = None
        self._run = run
        self._news: SimpleQueue[Callable[[TrainingReport], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._show, name="report", daemon=True)
        self._thread.start()

    def event(self, event: Event) -> None:
        """Have an event shown."""
        self._pass_on(lambda report: report.event(event))

    def download(self, what: str, done: int, total: int) -> None:
        """Have it shown how much of a file has come."""
        self._pass_on(lambda report: report.download(what, done, total))

    def close(self, is_in_haste: Callable[[], bool]) -> None:
        """Wait until all is shown; in haste, no longer than a moment for a reader who does not read."""
        self._news.put(None)
        patient_until = time.monotonic() + PATIENCE
        usual = signal.signal(signal.SIGURG, lambda number, frame: None)
        while self._thread.is_alive():
            self._thread.join(LOOK_EVERY)
            if is_in_haste() and time.monotonic() > patient_until:
                _write_no_more()
        signal.signal(signal.SIGURG, usual)

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


def _write_no_more() -> None:
    """Put /dev/null in the place of stdout, and wake every thread that waits to write: Python has it try again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    for thread in threading.enumerate():
        if thread.ident and thread is not threading.current_thread():
            signal.pthread_kill(thread.ident, signal.SIGURG)
