"""How soon the program is there: its help, the app's first screen, and the first step of a training.

    python benchmarks/start.py [--runs 11] [--write]

Help: `ddpm-studio --help`, from its start to its end. First paint: the app in a pseudo-terminal of 160x48, from its
start until the keys of the first screen have come out of it; the terminal says of itself what xterm says. First
step: `ddpm-studio train digits` on the CPU, until it tells that the first step, here the last as well, is trained and
saved. Beside them what Python and the packages take that they cannot do without. All take turns, so that a machine
that slows down slows all of them; the first turn, which finds nothing in the machine's memory, is not counted.
"""

import argparse
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
from collections.abc import Callable
from functools import partial
from pathlib import Path

from results import table, write_section

REPOSITORY = Path(__file__).parent.parent
PATIENCE = 60
KITTY_ANSWERS = b"\x1b_Gi=%s;OK\x1b\\"
ARRIVED = b"Quit"  # the last of the keys at the foot of the first screen
FIRST_STEP = b"checkpoint "
GOALS = {
    "`ddpm-studio --help`": 0.25,
    "first paint": 0.35,
    "first paint, no answer about kitty": 0.35,
    "`ddpm-studio train digits`, first step": 4.0,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=11, help="of each, which take turns (default 11)")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["DDPM_STUDIO_SETTINGS"] = str(Path(home, "settings.toml"))  # nobody's own
        times = taken_in_turn(contestants(Path(home)), arguments.runs)
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    missed = [name for name, goal in GOALS.items() if medians[name] > goal]
    rows = [
        [name, f"{medians[name]:.3f}", f"{min(seconds):.3f} to {max(seconds):.3f}", goal_of(name)]
        for name, seconds in times.items()
    ]
    body = table(["from its start", f"seconds, median of {arguments.runs}", "range", "goal"], rows)
    body += f"\n\nGoals missed: {', '.join(missed) or 'none'}."
    print(body)
    if arguments.write:
        write_section("Start", body, ("textual", "torch", "pydantic"))
    return 1 if missed else 0


def goal_of(name: str) -> str:
    return f"at most {GOALS[name]:.2f}" if name in GOALS else ""


def contestants(home: Path) -> dict[str, Callable[[], float]]:
    """What is timed, by name; each gives the seconds that one run took."""
    program = [sys.executable, "-m", "studio.cli", "--home"]
    short = ["--train.steps", "1", "--train.device", "cpu", "--previews.every", "0"]
    # Elsewhere, as the app is to find no runs.
    train = [*program, str(home / "trained"), "train", "digits", *short]
    return {
        "Python alone": partial(seconds_to_end, [sys.executable, "-c", ""]),
        "`ddpm-studio --help`": partial(seconds_to_end, [*program, str(home), "--help"]),
        "import of textual.app alone": partial(seconds_to_end, [sys.executable, "-c", "import textual.app"]),
        "first paint": partial(seconds_to_paint, [*program, str(home)], KITTY_ANSWERS),
        "first paint, no answer about kitty": partial(seconds_to_paint, [*program, str(home)], b""),
        "import of torch alone": partial(seconds_to_end, [sys.executable, "-c", "import torch"]),
        "`ddpm-studio train digits`, first step": partial(seconds_to_words, train, FIRST_STEP),
    }


def taken_in_turn(timed: dict[str, Callable[[], float]], runs: int) -> dict[str, list[float]]:
    turns = [{name: once() for name, once in timed.items()} for _ in range(runs + 1)]
    return {name: [turn[name] for turn in turns[1:]] for name in timed}


def seconds_to_end(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=REPOSITORY)
    return time.perf_counter() - started


def seconds_to_words(command: list[str], words: bytes) -> float:
    """Until a program has written some words; it is ended then."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=REPOSITORY) as process:
        assert process.stdout is not None
        seen = b""
        while words not in seen:
            new = os.read(process.stdout.fileno(), 65536)
            if not new:
                raise SystemExit(f"{command} ended without {words!r}; it wrote {seen!r}")
            seen += new
        elapsed = time.perf_counter() - started
        process.kill()
    return elapsed


def seconds_to_paint(command: list[str], kitty: bytes) -> float:
    """Until the app has drawn its keys.

    ``kitty`` is the terminal's answer where it is asked for that protocol; a terminal that knows nothing of it says
    nothing.
    """
    started = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(REPOSITORY)
        os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        os.execv(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 48, 160, 1600, 960))
    seen = b""
    while ARRIVED not in seen:
        if not select.select([terminal], [], [], PATIENCE)[0]:
            raise SystemExit(f"the app painted no keys in {PATIENCE} s; it wrote {seen!r}")
        new = os.read(terminal, 65536)
        if b"\x1b[c" in new:
            os.write(terminal, b"\x1b[?64;1;2;22c")
        if question := re.search(rb"\x1b_Gi=(\d+)", new):
            os.write(terminal, kitty.replace(b"%s", question[1]))
        seen += new
    elapsed = time.perf_counter() - started
    leave(pid, terminal)
    return elapsed


def leave(pid: int, terminal: int) -> None:
    """Press the key that leaves the app, and read until it has."""
    os.write(terminal, b"q")
    while select.select([terminal], [], [], PATIENCE)[0]:
        try:
            if not os.read(terminal, 65536):
                break
        except OSError:  # Linux's way of saying that the other side has closed
            break
    os.close(terminal)
    os.waitpid(pid, 0)


if __name__ == "__main__":
    sys.exit(main())
