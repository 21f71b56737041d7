"""Trains a run in the foreground, until its end, a signal, or an error."""

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from ddpm.checkpoint import Checkpoint
from ddpm.commands import Command
from ddpm.config import Config
from ddpm.events import StateChanged
from ddpm.runs import Run
from studio.commands.reporter import Reporter
from studio.settings import OnHangup, settings_or_defaults
from studio.terminal_line import TerminalLine, say, unless_ignored

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruptions:
    """What comes from outside while a run is trained: signals, a reader that leaves, a terminal that hangs up.

    The first one that asks for it stops the run after its step, with a checkpoint, or at once where it has not begun;
    those after it are answered, not obeyed. A hang-up stops it only where the person has set so.
    """

    def __init__(self, run: Run, line: TerminalLine, on_hangup: OnHangup) -> None:
        self.stopped_by = 0
        self.has_begun = False
        self._run, self._line, self._on_hangup = run, line, unless_ignored(on_hangup)

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Hear signals until the block ends. One that is ignored stays so: that is what nohup asks for."""
        usual = {}
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                usual[number] = signal.signal(number, self._hear)
        try:
            yield
        finally:
            for number, handler in usual.items():
                signal.signal(number, handler)

    def commands(self, reporter: Reporter) -> list[Command]:
        """What the run is to do for them."""
        if reporter.error:
            self._lose_reader(reporter.error)
        return ["stop"] if self.stopped_by else []

    def _lose_reader(self, error: OSError) -> None:
        # A terminal that is gone says EIO, and its signal may come later, or to somebody else.
        if error.errno == errno.EIO:
            self._hang_up()
            if self._on_hangup == "stop":
                self.stopped_by = self.stopped_by or signal.SIGHUP
        elif error.errno == errno.EPIPE and not self._line.is_let_go:  # else it has left with the terminal
            self.stopped_by = self.stopped_by or signal.SIGPIPE
        # A full disk that the output goes to costs words, not training.

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._hang_up()
            if self._on_hangup == "continue":
                return
        is_first = not self.stopped_by
        self.stopped_by = self.stopped_by or number
        if is_first and not self.has_begun:
            raise KeyboardInterrupt
        self._line.say("\nStopping after this step, with a checkpoint …")

    def _hang_up(self) -> None:
        if not self._line.is_let_go:
            self._line.let_go()
            self._line.send_errors_to(self._run.log_path)


def train(
    run: Run, data_root: Path, config: Config, checkpoint: Checkpoint | None = None, *, download: bool = False
) -> int:
    """Train with progress on stdout; returns the exit code. Raises what ``train_run`` does."""
    from ddpm.session import train_run

    settings, problem = settings_or_defaults()
    if problem:
        say(f"ddpm-studio: {problem}")
    line = TerminalLine()
    interruptions = Interruptions(run, line, settings.on_hangup)
    reporter = Reporter(run)
    with interruptions.heard():
        try:
            events = train_run(
                run,
                data_root=data_root,
                take_commands=lambda: [*run.take_commands(), *interruptions.commands(reporter)],
                checkpoint=checkpoint,
                config=config,
                download=download,
                progress=reporter.download,
            )
            for event in events:
                interruptions.has_begun = interruptions.has_begun or isinstance(event, StateChanged)
                reporter.event(event)
        except KeyboardInterrupt:
            line.say(f"{run.name} was interrupted before its first step.")
        finally:
            reporter.close(lambda: bool(interruptions.stopped_by) or line.is_let_go)
            line.close()
            if reporter.error:
                # Python flushes stdout once more at exit, where the reader is still gone.
                sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
    return 128 + interruptions.stopped_by if interruptions.stopped_by else 0
