"""ddpm-studio on a real pseudo-terminal: keys in, words out, as over a line."""

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from pathlib import Path

from conftest import environment

ESCAPES = re.compile(rb"\x1b(\[[0-9;?<>=]*[ -/]*[@-~]|[PX^_\]].*?(\x1b\\|\x07)|[@-Z\\-_])", re.S)


class StudioTerminal:
    """The app in a process of its own, whose terminal is read here; it answers no question."""

    def __init__(self, home: Path, *words: str, size: tuple[int, int] = (100, 30)) -> None:
        command = [sys.executable, "-m", "studio.cli", "--home", str(home), "--images", "none", *words]
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.chdir(Path(__file__).resolve().parent.parent)
            os.execve(sys.executable, command, {**environment(home.parent), "TERM": "xterm-256color"})
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self._said = b""

    def until_seen(self, words: str, seconds: float = 60.0) -> None:
        """Read until the words have come since the last key that was pressed."""
        deadline = time.monotonic() + seconds
        while words not in self.text:
            assert time.monotonic() < deadline, f"{words!r} never came:\n{self.text[-2000:]}"
            assert self._read(), f"it ended before {words!r}:\n{self.text[-2000:]}"

    @property
    def text(self) -> str:
        """What was written since the last key, without escape codes."""
        return ESCAPES.sub(b"", self._said).decode(errors="replace")

    def press(self, keys: str) -> None:
        self._said = b""
        os.write(self._terminal, keys.encode())

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Read to the end; the exit code, minus the number of the signal that ended it."""
        while self._read():
            pass
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self) -> bool:
        if not select.select([self._terminal], [], [], 0.5)[0]:
            return True
        try:
            new = os.read(self._terminal, 65536)
        except OSError:  # Linux's way of saying that the other side has closed
            return False
        self._said += new
        return bool(new)
