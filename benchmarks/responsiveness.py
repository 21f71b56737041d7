"""How soon the app is there, and whether training ever holds it up.

    python benchmarks/responsiveness.py [--seconds 30]

First paint: the real program in a pseudo-terminal, from its start until the footer of the first screen has been
drawn, beside what Python and Textual alone take. Event loop: the app trains the embedded digits in its background
thread at 160x48 while a task on its loop sleeps 5 ms at a time and notes by how much it wakes up late.
"""

import argparse
import asyncio
import fcntl
import os
import pty
import re
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

REPEATS = 7
TICK = 0.005
PAINT = "first paint"
SILENT_PAINT = "first paint, no answer about kitty"
PAINT_GOAL = 0.35
STALL_GOAL = 0.1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--seconds", type=float, default=30, help="how long to watch the event loop (default 30)"
    )
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as home:
        rows = start_rows(home)
        paint = max(statistics.median(rows[name]) for name in (PAINT, SILENT_PAINT))
        print(f"{'seconds, of ' + str(REPEATS):34} {'min':>7} {'median':>7} {'max':>7}")
        for name, times in rows.items():
            print(f"{name:34} {min(times):7.3f} {statistics.median(times):7.3f} {max(times):7.3f}")
        late, steps = asyncio.run(watch_event_loop(Path(home), seconds))
    late.sort()
    print(
        f"\nevent loop while training {steps} steps in {seconds:g} s: {len(late)} ticks of {TICK * 1e3:g} ms"
    )
    for share in (0.5, 0.99, 0.999):
        print(f"  late by at most {late[int(share * (len(late) - 1))] * 1e3:7.1f} ms in {share:.1%}")
    print(f"  latest          {late[-1] * 1e3:7.1f} ms")
    met = paint < PAINT_GOAL and late[-1] < STALL_GOAL
    print(
        f"\ngoals: first paint under {PAINT_GOAL} s, no stall over {STALL_GOAL} s: {'met' if met else 'missed'}"
    )
    return 0 if met else 1


def start_rows(home: str) -> dict[str, list[float]]:
    """Seconds of several starts, in turn, so that a machine that slows down slows all of them."""
    app = [sys.executable, "-m", "studio.cli", "--home", home]
    rows: dict[str, list[float]] = {
        name: [] for name in ("python", "import of textual.app", "--help", PAINT, SILENT_PAINT)
    }
    for _ in range(REPEATS + 1):
        rows["python"].append(seconds_of([sys.executable, "-c", ""]))
        rows["import of textual.app"].append(seconds_of([sys.executable, "-c", "import textual.app"]))
        rows["--help"].append(seconds_of([sys.executable, "-m", "studio.cli", "--help"]))
        rows[PAINT].append(seconds_to_paint(app, b"\x1b_Gi=%s;OK\x1b\\"))
        rows[SILENT_PAINT].append(seconds_to_paint(app, b""))
    return {name: times[1:] for name, times in rows.items()}


def seconds_of(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def seconds_to_paint(command: list[str], kitty: bytes) -> float:
    """From the start of the program until its footer has come out of the terminal.

    The terminal says of itself what xterm says, and ``kitty`` where it is asked for that protocol; a terminal
    that knows nothing of it says nothing.
    """
    started = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        os.execv(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 48, 160, 1600, 960))
    seen = b""
    while b"Quit" not in seen:
        if not select.select([terminal], [], [], 20)[0]:
            raise SystemExit(f"the app painted no footer in 20 s; it wrote {seen!r}")
        new = os.read(terminal, 65536)
        if b"\x1b[c" in new:
            os.write(terminal, b"\x1b[?64;1;2;22c")
        if question := re.search(rb"\x1b_Gi=(\d+)", new):
            os.write(terminal, kitty.replace(b"%s", question[1]))
        seen += new
    elapsed = time.perf_counter() - started
    os.write(terminal, b"q")
    while select.select([terminal], [], [], 5)[0]:
        try:
            if not os.read(terminal, 65536):
                break
        except OSError:
            break
    os.close(terminal)
    os.waitpid(pid, 0)
    return elapsed


async def watch_event_loop(home: Path, seconds: float) -> tuple[list[float], int]:
    """How late each tick of the loop was, and how many steps were trained meanwhile."""
    from studio.app import StudioApp
    from studio.terminal import find_pictures

    app = StudioApp(home, home / "data", find_pictures("half"))
    late: list[float] = []
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.press("t")
        runner = app.workshop.runner
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline and runner.is_alive:
            expected = time.perf_counter() + TICK
            await asyncio.sleep(TICK)
            late.append(time.perf_counter() - expected)
        steps = runner.run.status().step if runner.run else 0
        runner.stop()
        while runner.is_alive:
            await asyncio.sleep(0.05)
    if not steps:
        raise SystemExit(f"nothing was trained: {runner.error}")
    return late, steps


if __name__ == "__main__":
    sys.exit(main())
