"""What a terminal that nobody reads costs the training in it.

    python benchmarks/stalled_terminal.py [--turns 6] [--seconds 8]

The app, and then `ddpm-studio train`, train a small network on the embedded digits in a pseudo-terminal. In turns
somebody reads it and nobody does: each turn begins once the terminal is empty, or full, and counts the steps that are
trained. The turns of one process alternate, so that a machine that slows down slows both, and the time that the thread
that trains waited for a core, which other programs had, is taken off: Linux counts it.
"""

import argparse
import fcntl
import os
import pty
import select
import statistics
import struct
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ddpm.config import Config
from ddpm.runs import Run
from ddpm.runs_root import create_run
from studio.feed import last_row

GOAL = 0.01
FULL = 3000  # bytes; a pseudo-terminal holds some four thousand
RECIPE = {
    "model": {"dim": 16, "dim_mults": (1, 2), "blocks_per_level": 1, "attention_head_dim": 16},
    "train": {
        "steps": 10_000_000,
        "batch_size": 16,
        "log_every": 1,
        "checkpoint_every": 10_000_000,
        "device": "cpu",
    },
    "previews": {"every": 0},
}


class Terminal:
    """A command of ddpm-studio on a pseudo-terminal that is read, or not."""

    def __init__(self, home: Path, *words: str) -> None:
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
            command = [sys.executable, "-m", "studio.cli", "--home", str(home), "--images", "none", *words]
            os.execv(command[0], command)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 48, 160, 0, 0))
        self.reads = threading.Event()
        self.reads.set()
        self._seen = b""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while self.reads.wait():
            try:
                if select.select([self._terminal], [], [], 0.05)[0]:
                    self._seen = (self._seen + os.read(self._terminal, 65536))[-100_000:]
            except OSError:
                return

    def press(self, key: str, until: Callable[[], bool]) -> None:
        os.write(self._terminal, key.encode())
        wait(until)

    def has_shown(self, words: str) -> bool:
        return words.encode() in self._seen

    @property
    def is_full(self) -> bool:
        return int.from_bytes(fcntl.ioctl(self._terminal, termios.FIONREAD, b"\0" * 4), "little") > FULL

    def seconds_without_core(self) -> float:
        """How long the thread that trains, which works most, has waited for a core."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        _, waited = max(tuple(map(int, thread.read_text().split()[:2])) for thread in threads)
        return waited / 1e9

    def end(self) -> None:
        self.reads.set()
        os.kill(self.pid, 15)
        os.waitpid(self.pid, 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=6, help="turns of each kind (default 6)")
    parser.add_argument("--seconds", type=float, default=8, help="of one turn (default 8)")
    arguments = parser.parse_args()
    print(f"{'steps/s, of ' + str(arguments.turns) + ' turns':24} {'read':>8} {'stalled':>8} {'cost':>8}")
    met = True
    for name, start in {"the app": start_app, "ddpm-studio train": start_command}.items():
        with tempfile.TemporaryDirectory() as home:
            terminal, run = start(Path(home))
            try:
                read, stalled = measure(terminal, run, arguments.turns, arguments.seconds)
            finally:
                terminal.end()
        cost = 1 - statistics.median(stalled) / statistics.median(read)
        met = met and cost < GOAL
        print(f"{name:24} {statistics.median(read):8.2f} {statistics.median(stalled):8.2f} {cost:8.2%}")
        for what, rates in (("read", read), ("stalled", stalled)):
            print(f"  {what:22} {'  '.join(f'{rate:.1f}' for rate in rates)}")
    print(f"\ngoal: it costs less than {GOAL:.0%}: {'met' if met else 'missed'}")
    return 0 if met else 1


def start_app(home: Path) -> tuple[Terminal, Run]:
    run = create_run(home / "runs", "alpha", Config.build({**RECIPE, "data": {"source": "digits"}}))
    terminal = Terminal(home)
    wait(lambda: terminal.has_shown("alpha"))
    terminal.press("r", lambda: terminal.has_shown("no whole checkpoint"))
    terminal.press("y", lambda: steps(run) > 20)
    return terminal, run


def start_command(home: Path) -> tuple[Terminal, Run]:
    run = create_run(home / "runs", "alpha", Config.build({**RECIPE, "data": {"source": "digits"}}))
    terminal = Terminal(home, "train", "--resume", "alpha")
    wait(lambda: steps(run) > 20)
    return terminal, run


def measure(terminal: Terminal, run: Run, turns: int, seconds: float) -> tuple[list[float], list[float]]:
    """Steps a second while somebody reads, and while nobody does."""
    read, stalled = [], []
    for _ in range(turns):
        terminal.reads.set()
        wait(lambda: not terminal.is_full)
        time.sleep(1)
        read.append(steps_per_second(terminal, run, seconds))
        terminal.reads.clear()
        wait(lambda: terminal.is_full)
        # Textual keeps 30 more writes before the thread that draws waits; at some writes a second.
        time.sleep(10)
        stalled.append(steps_per_second(terminal, run, seconds))
    return read, stalled


def steps_per_second(terminal: Terminal, run: Run, seconds: float) -> float:
    """Of the time in which the thread that trains had a core or waited for something else than one."""
    first, waited, started = steps(run), terminal.seconds_without_core(), time.perf_counter()
    time.sleep(seconds)
    own = time.perf_counter() - started - (terminal.seconds_without_core() - waited)
    return (steps(run) - first) / own


def steps(run: Run) -> int:
    row = last_row(run.metrics_path)
    return int(row["step"]) if row else 0


def wait(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("it did not come to what is to be measured")
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
