"""How soon a key is answered in the monitor of a run that the same app trains.

    python benchmarks/keys.py [--rounds 20] [--write]

The real program in a pseudo-terminal of 160x48 trains the embedded digits. A round presses keys of several kinds,
some tenths of a second apart; each is timed from the moment it is written until words have come out of the terminal
that were not there before it. Beside it stands how long the thread that draws waited for a core meanwhile, which
the training or another program had: Linux counts it.
"""

import argparse
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app_terminal import COLUMNS, LINES, AppTerminal
from results import table, write_section

from ddpm.presets import config_for
from ddpm.runs import Run
from ddpm.runs_root import create_run

MEDIAN_GOAL, SLOWEST_GOAL = 0.020, 0.060
PAUSES = (0.05, 0.3)  # seconds between two keys, so that they fall into every part of what the app does
FIRST_STEPS = 20
ENDLESS = {"train": {"steps": 10_000_000, "max_minutes": None}}
CURVE = "l linear  x images"  # on the border of the plot, as it is when a round begins
ESCAPE, LEFT, RIGHT = "\x1b", "\x1b[D", "\x1b[C"
FOOTER = "Checkpoints"  # on the monitor's, and on no dialog's
READOUT = re.compile(r"([\d,]+) steps ")


@dataclass(frozen=True)
class Answer:
    """The kind of a key, the seconds until it was painted, and how many of them had no core to paint with."""

    kind: str
    seconds: float
    without_core: float


class Monitor:
    """The monitor of a run in training, and the keys that are pressed in it."""

    def __init__(self, terminal: AppTerminal) -> None:
        self._terminal = terminal
        self._chance = random.Random(0)

    def answers(self) -> Iterator[Answer]:
        """Press each key of a round once; what it changes is back at the end as it was."""
        for words in ("l log  x", CURVE):
            yield self._answer("another axis (l)", "l", words)
        for words in ("x minutes", "x steps", "x images"):
            yield self._answer("another unit (x)", "x", words)
        for words in ("y learning rate", "y images/s", "y loss", "y gradient norm"):
            yield self._answer("another quantity (y)", "y", words)
        yield from self._inspect()
        for words in ("log: warnings and errors", "log: errors"):
            yield self._answer("another log level (w)", "w", words)
        self._press("w")
        self._press("1")
        yield self._answer("show the plot (1)", "1", CURVE)
        yield self._answer("help (?)", "?", "Keys: monitor")
        yield self._answer("help is closed (q)", "q", FOOTER)
        yield self._answer("a question (n)", "n", "Cancel (esc)")
        self._press("z")
        for typed in ("zq", "zqz", "zqzq", "zqzqz"):
            yield self._answer("a letter is typed", typed[-1], typed)
        # Not timed: after this byte Textual waits whether it begins the code of another key.
        self._press(ESCAPE, FOOTER)

    def _inspect(self) -> Iterator[Answer]:
        """The cursor goes to and fro, and is put away."""
        shown = ""
        for key in (LEFT, LEFT, RIGHT):
            yield self._answer("inspect a point (arrows)", key, "", shown)
            shown = READOUT.findall(self._terminal.text)[-1]
        self._press("0")

    def _answer(self, kind: str, key: str, words: str, shown: str = "") -> Answer:
        """``words`` are to come; where there are none, a readout of another step than the one ``shown``."""

        def has_come() -> bool:
            text = self._terminal.text
            return words in text if words else any(step != shown for step in READOUT.findall(text))

        self._terminal.read_for(self._chance.uniform(*PAUSES))
        waited, began = self._seconds_without_core(), time.perf_counter()
        self._terminal.press(key)
        self._terminal.until(has_come, f"what {kind} shows")
        seconds = time.perf_counter() - began
        return Answer(kind, seconds, self._seconds_without_core() - waited)

    def _press(self, key: str, words: str = "") -> None:
        """A key that is not timed, as most of these have no words of their own to wait for."""
        self._terminal.read_for(self._chance.uniform(*PAUSES))
        self._terminal.press(key)
        self._terminal.until(lambda: words in self._terminal.text, f"what {key!r} shows")
        self._terminal.read_for(0.2)

    def _seconds_without_core(self) -> float:
        """How long the app's first thread has waited for a core."""
        return int(Path(f"/proc/{self._terminal.pid}/schedstat").read_text().split()[1]) / 1e9


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20, help="of 22 keys each (default 20)")
    parser.add_argument("--write", action="store_true", help="replace the section of RESULTS.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        run = create_run(Path(home) / "runs", "alpha", config_for("digits", overrides=ENDLESS))
        terminal = AppTerminal(Path(home), "--images", "half")
        try:
            start_training(terminal, run)
            monitor, first, began = Monitor(terminal), run.status().step, time.monotonic()
            answers = [answer for _ in range(arguments.rounds) for answer in monitor.answers()]
            rate = (run.status().step - first) / (time.monotonic() - began)
        finally:
            terminal.end()
    told, met = report(answers, rate)
    print(told)
    if arguments.write:
        write_section(f"Keys, at {COLUMNS}x{LINES}", told, ("torch", "textual"))
    return 0 if met else 1


def report(answers: list[Answer], rate: float) -> tuple[str, bool]:
    """What to write, and whether the goals are met; ``rate``: the steps a second that it trained meanwhile."""
    kinds = dict.fromkeys(answer.kind for answer in answers)
    rows = [figures(kind, [answer for answer in answers if answer.kind == kind]) for kind in kinds]
    seconds = sorted(answer.seconds for answer in answers)
    median, slowest = share_of(seconds, 0.5), share_of(seconds, 0.99)
    met = median <= MEDIAN_GOAL and slowest <= SLOWEST_GOAL
    lines = table(
        ["key to paint, ms", "keys", "p50", "p99", "most", "p50 without a core"],
        [*rows, figures("all", answers)],
    )
    return (
        f"{len(answers)} keys while it trains {rate:.1f} steps/s; load of the machine {os.getloadavg()[0]:.1f} on "
        f"{os.cpu_count()} cores.\n\n{lines}\n\n"
        f"Goals: p50 {median * 1e3:.1f} of at most {MEDIAN_GOAL * 1e3:.0f} ms, "
        f"p99 {slowest * 1e3:.1f} of at most {SLOWEST_GOAL * 1e3:.0f} ms: {'met' if met else 'missed'}."
    ), met


def start_training(terminal: AppTerminal, run: Run) -> None:
    """Train the only run that there is, and come to its monitor."""
    terminal.until(lambda: run.name in terminal.text and "Quit" in terminal.text, "the list of runs")
    terminal.press("r")
    terminal.until(lambda: "no whole checkpoint" in terminal.text, "the question")
    terminal.press("y")
    terminal.until(lambda: CURVE in terminal.text, "the monitor")
    terminal.until(lambda: run.status().step >= FIRST_STEPS, f"step {FIRST_STEPS}")


def figures(kind: str, answers: list[Answer]) -> list[str]:
    seconds = sorted(answer.seconds for answer in answers)
    without_core = sorted(answer.without_core for answer in answers)
    shown = [share_of(seconds, 0.5), share_of(seconds, 0.99), seconds[-1], share_of(without_core, 0.5)]
    return [kind, str(len(answers)), *(f"{figure * 1e3:.1f}" for figure in shown)]


def share_of(ordered: list[float], share: float) -> float:
    return ordered[round(share * (len(ordered) - 1))]


if __name__ == "__main__":
    sys.exit(main())
