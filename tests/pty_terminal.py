"""A pseudo-terminal with a program in it, and at its other end somebody who reads and types, or does neither."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import threading
import time
from collections.abc import Callable, Sequence

XTERM = b"\x1b[?64;1;2;22c"  # what xterm says of itself when it is asked


class PtyTerminal:
    """Starts a program in a terminal of its own, and reads what it writes until told not to."""

    def __init__(
        self, command: Sequence[str], environment: dict[str, str], size: tuple[int, int] = (100, 30)
    ) -> None:
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], list(command), {**environment, "TERM": "xterm-256color"})
        columns, lines = size
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.written = b""
        self._reads = True
        self._is_open = True
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while self._reads:
            if not select.select([self._terminal], [], [], 0.02)[0]:
                continue
            try:
                new = os.read(self._terminal, 65536)
            except OSError:  # Linux's way of saying that the other side has closed
                return
            self.written += new
            if new.endswith(b"\x1b[c"):
                os.write(self._terminal, XTERM)

    def press(self, keys: str) -> None:
        """Type; the program is given a moment for each key."""
        for key in keys:
            os.write(self._terminal, key.encode())
            time.sleep(0.05)

    def until_written(self, words: str) -> None:
        """Wait for words to have been written, wherever on the screen."""
        self.until(lambda: words.encode() in self.written)

    def until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        """Wait for the condition; fails with what the program wrote, and where the program has ended."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.is_alive, f"it has ended; it wrote {self.written[-400:]!r}"
            assert time.monotonic() < deadline, f"never came true; it wrote {self.written[-400:]!r}"
            time.sleep(0.01)

    @property
    def is_alive(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    @property
    def is_full(self) -> bool:
        """Whether the program cannot write another word: nobody has read for long."""
        held = fcntl.ioctl(self._terminal, termios.FIONREAD, b"\0" * 4)
        return int.from_bytes(held, "little") > 3000

    def stop_reading(self) -> None:
        """From now on nobody reads what is written."""
        self._reads = False
        self._reader.join()

    def hang_up(self) -> None:
        """Close the line, as a dropped SSH session does."""
        self.stop_reading()
        if self._is_open:
            self._is_open = False
            os.close(self._terminal)

    def wait(self, seconds: float = 60) -> int:
        """The exit code of the program, which is killed, and the test with it, if it does not end."""
        deadline = time.monotonic() + seconds
        while self.is_alive:
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise AssertionError(f"it did not end; it wrote {self.written[-400:]!r}")
            time.sleep(0.01)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def close(self) -> None:
        """Kill the program if it is still there, and hang up."""
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        self.hang_up()
