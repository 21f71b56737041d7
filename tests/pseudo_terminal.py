"""ddpm-studio on a real pseudo-terminal: keys in, words out, as over a line, which may stall and drop."""

import fcntl
import json
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import fork_server
from conftest import environment

ESCAPES = re.compile(rb"\x1b(\[[0-9;?<>=]*[ -/]*[@-~]|[PX^_\]].*?(\x1b\\|\x07)|[@-Z\\-_])", re.S)

# The terminal that the first process of a session opens is that session's own: its line hangs up with it.
IN_THE_TERMINAL = """
import os, runpy, sys
terminal = os.open(sys.argv.pop(1), os.O_RDWR)
for number in range(3):
    os.dup2(terminal, number)
os.close(terminal)
"""
STUDIO = 'runpy.run_module("studio.cli", run_name="__main__", alter_sys=True)'
PROGRAM = "os.execvp(sys.argv[1], sys.argv[1:])"


class PseudoTerminal:
    """A program in a process of its own whose terminal is read here, but only while one waits for it: between
    ``until``, ``until_seen`` and ``wait`` nobody reads. Nobody answers the program's questions either."""

    def __init__(
        self, *words: str, env: dict[str, str], code: str = PROGRAM, size: tuple[int, int] = (100, 30)
    ) -> None:
        self._terminal, screen = os.openpty()
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self._process = fork_server.start(
            IN_THE_TERMINAL + code,
            os.ttyname(screen),
            *words,
            cwd=fork_server.REPOSITORY,
            env={**env, "TERM": "xterm-256color"},
        )
        # Held open until the process has it, or the line would have hung up before.
        self._screen: int | None = screen
        self._said = b""
        self.written = b""

    @property
    def pid(self) -> int:
        return self._process.pid

    def until_seen(self, words: str, seconds: float = 60.0) -> None:
        """Read until the words have come since the last key that was pressed."""
        self.until(lambda: words in self.text, seconds, f"{words!r}")

    def until(self, condition: Callable[[], object], seconds: float = 60.0, what: str = "it") -> None:
        """Read until the condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what} never came:\n{self.text[-2000:]}"
            assert self._process.poll() is None, f"it ended before {what} came:\n{self.text[-2000:]}"
            self._read(0.05)

    @property
    def text(self) -> str:
        """What was written since the last key, without escape codes."""
        return ESCAPES.sub(b"", self._said).decode(errors="replace")

    def press(self, keys: str) -> None:
        self._said = b""
        os.write(self._terminal, keys.encode())

    @property
    def is_full(self) -> bool:
        """Whether there is hardly room for one more word."""
        held = fcntl.ioctl(self._terminal, termios.FIONREAD, b"\0" * 4)
        return int.from_bytes(held, "little") > 3000

    def hang_up(self) -> None:
        """Close the line, as when a session over SSH drops."""
        os.close(self._terminal)
        self._terminal = -1

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self, *, reads: bool = True) -> int:
        """Read to the end, or only wait for it; the exit code, minus the number of the signal that ended it."""
        if reads and self._terminal >= 0:
            while self._process.poll() is None:
                self._read(0.05)
            self._read(0)
        try:
            return self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def close(self) -> None:
        """Kill the process if it is still there, and close the line."""
        self.signal(signal.SIGKILL)
        self._process.wait(60)
        if self._terminal >= 0:
            self.hang_up()

    def _read(self, seconds: float) -> None:
        if not select.select([self._terminal], [], [], seconds)[0]:
            return
        try:
            new = os.read(self._terminal, 65536)
        except OSError:  # Linux's way of saying that the other side has closed
            return
        if self._screen is not None:
            os.close(self._screen)
            self._screen = None
        self._said += new
        self.written += new


class StudioTerminal(PseudoTerminal):
    """The app, or a command, on a terminal."""

    environment: ClassVar[dict[str, str]] = {}

    def __init__(self, home: Path, *words: str, **settings: str | int) -> None:
        """``settings``: names and values of the person's settings."""
        file = home.parent / "settings.toml"
        file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
        own = {**environment(home.parent), **self.environment, "DDPM_STUDIO_SETTINGS": str(file)}
        super().__init__("--home", str(home), "--images", "none", *words, env=own, code=STUDIO)

    def stall(self) -> None:
        """Have the app draw more than there is room for, while nobody reads."""
        for _ in range(20):
            self.press("?")  # help opens
            time.sleep(0.05)
            self.press("q")  # and closes
            time.sleep(0.05)
        assert self.is_full
