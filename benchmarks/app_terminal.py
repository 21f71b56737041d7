"""The app, as a process of its own, on a pseudo-terminal that the benchmark reads."""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

COLUMNS, LINES = 160, 48
PATIENCE = 120.0
ESCAPES = re.compile(rb"\x1b(\[[0-9;?<>=]*[ -/]*[@-~]|[PX^_\]].*?(\x1b\\|\x07)|[@-OQ-WYZ\\])", re.S)
STUDIO = "import sys; from studio.cli import main; sys.exit(main())"


class AppTerminal:
    """What the app writes is read while something is waited for, and only then.

    ``code`` is what Python runs in the process, with ``words`` as its arguments. The app keeps what it remembers of
    its user in ``home`` as well, so that nobody's own settings are used or changed.
    """

    def __init__(self, home: Path, *words: str, code: str = STUDIO) -> None:
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            own = {f"XDG_{name}_HOME": str(home / "user") for name in ("CONFIG", "STATE", "DATA", "CACHE")}
            os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", **own}
            os.environ["DDPM_STUDIO_SETTINGS"] = str(home / "settings.toml")
            os.execv(sys.executable, [sys.executable, "-c", code, "--home", str(home), *words])
        size = struct.pack("HHHH", LINES, COLUMNS, 0, 0)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, size)
        self._unread = b""  # an escape code that has not wholly come
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self.text = ""

    def forget(self) -> None:
        self.text = ""

    def _take(self, written: bytes) -> None:
        """Add to ``text``: what was written since the last key or ``forget``, without escape codes.

        Each byte is looked at once, as a slow reader would be counted as a slow app.
        """
        words, escape, rest = ESCAPES.sub(b"", self._unread + written).partition(b"\x1b")
        self._unread = escape + rest
        self.text += self._decoder.decode(words)

    def press(self, keys: str) -> None:
        self.forget()
        os.write(self._terminal, keys.encode())

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Read until the condition holds, looked at after every read. Ends the benchmark where it never does."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise SystemExit(f"{what} never came; the app wrote\n{self.text[-2000:]}")
            self._read(0.02)

    def read_for(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._read(left)

    def end(self) -> None:
        """Have the app leave, and wait until it has."""
        os.kill(self.pid, signal.SIGTERM)
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            self._read(0.05)

    def _read(self, seconds: float) -> None:
        if not select.select([self._terminal], [], [], seconds)[0]:
            return
        try:
            self._take(os.read(self._terminal, 65536))
        except OSError:  # Linux's way of saying that the other side has closed
            time.sleep(min(seconds, 0.05))
