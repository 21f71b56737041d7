"""The line to the terminal, which may hang up, or stall because nobody reads what is written to it."""

import os
import select
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from studio.settings import OnHangup

STANDARD = (0, 1, 2)  # input, output, errors
# What an app sends as it leaves: no second screen, the cursor, neither mouse nor focus nor pastes told, plain keys.
PLAIN = "\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[<u"


class TerminalLine:
    """Those of this process's standard streams that are a terminal, known while it is still there.

    Keeps a way to the terminal of its own, so that it can be asked for after the streams have been taken away.
    """

    def __init__(self) -> None:
        self._streams = [number for number in STANDARD if os.isatty(number)]
        self.is_let_go = False
        self.descriptor = os.dup(self._streams[0]) if self._streams else None

    @property
    def has_hung_up(self) -> bool:
        """Whether the terminal is gone."""
        if self.descriptor is None:
            return False
        poll = select.poll()
        poll.register(self.descriptor, 0)
        return any(what & select.POLLHUP for _, what in poll.poll(0))

    def close(self) -> None:
        """Give back the way to the terminal; twice is once."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def let_go(self) -> None:
        """Put /dev/null in the place of the terminal; files and pipes stay what they are."""
        if self.is_let_go:
            return
        self.is_let_go = True
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in self._streams:
            os.dup2(nowhere, number)
        os.close(nowhere)

    def send_errors_to(self, path: Path) -> None:
        """What is written to stderr from now on goes to the end of a file, if it went to the terminal."""
        if 2 not in self._streams:
            return
        with suppress(OSError):  # a disk that fails is told of in other places
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
            file = os.open(path, flags, 0o666)
            os.dup2(file, 2)
            os.close(file)

    @property
    def takes_more(self) -> bool:
        """Whether there is room for more words, so that nobody waits who writes some."""
        if self.descriptor is None:
            return True
        poll = select.poll()
        poll.register(self.descriptor, select.POLLOUT)
        return bool(poll.poll(0))

    def say(self, words: str) -> None:
        """A line on stderr, where there is room for it."""
        if self.takes_more:
            say(words)

    def throw_away_unread(self) -> None:
        """Forget what the terminal has not taken yet, so that a thread that waits to write more goes on."""
        if self.descriptor is None:
            return
        # A program in the background may do this, too.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        try:
            with suppress(termios.error):
                termios.tcflush(self.descriptor, termios.TCOFLUSH)
                # There is room now, but only somebody who reads wakes the one who waits for it, or this:
                termios.tcflow(self.descriptor, termios.TCOOFF)
                termios.tcflow(self.descriptor, termios.TCOON)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


class UnbreakableOutput:
    """A text stream that takes what is written to it also when its terminal is gone.

    The thread with which Textual draws would die of the error; whoever has something to draw would wait for it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def drawing_unbreakably() -> Iterator[None]:
    """Let what is drawn on stderr go through an UnbreakableOutput; Textual asks for ``sys.__stderr__``."""
    stream = sys.__stderr__
    if stream is None:
        yield
        return
    sys.__stderr__ = UnbreakableOutput(stream)  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        sys.__stderr__ = stream  # type: ignore[misc]


def unless_ignored(on_hangup: OnHangup) -> OnHangup:
    """What the person has set, but where the signal of a hang-up is ignored, as nohup does, which asks to go on."""
    return "continue" if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else on_hangup


def say(words: str) -> None:
    """A line on stderr; the terminal may be gone, which is no reason to lose what is being saved."""
    with suppress(OSError, ValueError, RuntimeError):  # the last from a signal in the middle of a line
        print(words, file=sys.stderr, flush=True)
