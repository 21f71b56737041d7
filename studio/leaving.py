"""How the app is left: by its user, by a signal, or because its terminal went away. A run in training outlives all.

Signals are heard on a thread of its own: the thread that draws may be waiting, for as long as nobody reads the
terminal. SIGTERM and SIGINT leave, and stop a run in training with a checkpoint. A line that hangs up leaves too;
training then goes on without a terminal, or stops, as the person has set.
"""

import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from studio.runner import Runner
from studio.settings import OnHangup
from studio.terminal_line import PLAIN, TerminalLine, say, unless_ignored

if TYPE_CHECKING:
    from studio.app import StudioApp

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PATIENCE = 1.0  # how many seconds a terminal that does not read may hold up the app on its way out
LOOK_EVERY = 0.05
ENOUGH = 0  # in the pipe of heard signals: nobody needs to listen any more


class Leaver:
    """Gets an app off its terminal, and sees the run that it was training out."""

    def __init__(self, app: "StudioApp", runner: Runner, on_hangup: OnHangup) -> None:
        self._app, self._runner = app, runner
        self._on_hangup = unless_ignored(on_hangup)
        self._line = TerminalLine()
        self._ears, self._mouth = os.pipe()
        self._guard = threading.Lock()
        self._hung_up = False
        self._stopped_by = 0
        self._patient_until = 0.0  # once it is to leave
        self._has_been_told = False
        self._was_stalled = False
        self._has_left = threading.Event()

    @property
    def exit_code(self) -> int:
        """128 + n where signal n ended it; 0 otherwise."""
        return 128 + self._stopped_by if self._stopped_by else 0

    @property
    def is_leaving(self) -> bool:
        """Whether a signal, or the terminal by going away, has told the app to leave."""
        return bool(self._patient_until) or self._line.has_hung_up

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear signals, and the terminal hanging up, until the block ends. To be called in the main thread."""
        os.set_blocking(self._mouth, False)
        usual = {}
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                usual[number] = signal.signal(number, lambda number, frame: None)
        # Python writes the number of every signal there at once. It calls a handler when the main thread goes on,
        # which may be never: that thread may wait for a terminal, and another one may be given the signal.
        before = signal.set_wakeup_fd(self._mouth, warn_on_full_buffer=False)
        thread = threading.Thread(target=self._listen, name="signals", daemon=True)
        thread.start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            for number, handler in usual.items():
                signal.signal(number, handler)
            os.write(self._mouth, bytes([ENOUGH]))
            thread.join()
            os.close(self._ears)
            os.close(self._mouth)
            self._line.close()

    def see_training_out(self) -> None:
        """Once the app has left: wait for the run in training, which stops with a checkpoint or goes on to its end."""
        self._has_left.set()
        if self._line.has_hung_up:  # it may be noticed here first
            self._obey(signal.SIGHUP)
        if self._hung_up and self._runner.run and self._runner.is_alive:
            self._line.send_errors_to(self._runner.run.log_path)
        if self._was_stalled:
            say(PLAIN)
        if not self._hung_up:
            self._runner.stop()
            if self._runner.is_alive:
                say("Saving a checkpoint …")
        self._runner.join()
        if self._runner.error:
            say(self._runner.error)

    def _listen(self) -> None:
        poll = select.poll()
        poll.register(self._ears, select.POLLIN)
        if self._line.descriptor is not None:
            poll.register(self._line.descriptor, 0)  # of a terminal, only that it has hung up
        while True:
            for descriptor, _ in poll.poll(1000 * LOOK_EVERY if self._is_on_its_way else None):
                heard = bytes([signal.SIGHUP])
                if descriptor == self._ears:
                    heard = os.read(self._ears, 64)
                else:
                    poll.unregister(descriptor)
                for number in heard:
                    if number == ENOUGH:
                        return
                    if number in SIGNALS:
                        self._obey(number)
            if self._is_on_its_way:
                self._help_out()

    @property
    def _is_on_its_way(self) -> bool:
        """Whether somebody may still wait for the terminal."""
        return bool(self._patient_until) and not (self._hung_up and self._has_left.is_set())

    def _obey(self, number: int) -> None:
        with self._guard:
            if number == signal.SIGHUP:
                if self._hung_up:
                    return
                self._hung_up = True
                self._line.let_go()
            if number != signal.SIGHUP or self._on_hangup == "stop":
                if self._stopped_by and self._has_left.is_set():
                    self._line.say("Saving a checkpoint …")
                self._stopped_by = self._stopped_by or number
                self._runner.stop()
            self._patient_until = self._patient_until or time.monotonic() + PATIENCE

    def _help_out(self) -> None:
        # Without a terminal, too, a run that is being handed over gets to where it is to go.
        may_leave = self._app.is_running and not (self._app.is_handing_over and not self._stopped_by)
        if may_leave and not self._has_been_told:
            self._has_been_told = True
            self._app.exit(return_code=self.exit_code)
        if not self._line.takes_more and time.monotonic() > self._patient_until:
            # The app waits for room to draw in; what is lost is the picture of an app that leaves.
            self._was_stalled = True
            self._line.throw_away_unread()
