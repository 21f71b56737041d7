"""What the app costs the training in it, over `ddpm-studio train` without a screen.

    python benchmarks/app_cost.py [--turns 6] [--seconds 10] [--steps real|short|both] [--write]

Two processes train the same recipe: the app in a pseudo-terminal of 160x48 that is read, its monitor open with plots
and previews live, and `ddpm-studio train` with its words thrown away. They take turns: while the one trains, the other
is stopped by a signal. Counted are images a second of a turn's rows of metrics, by the clock, without the time that
drawing samples for previews took, which both do. Beside it: the same for each second of the processor, all threads,
and the share of a core that the thread takes which draws the screen. With ``--write`` the table goes to RESULTS.md.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from app_terminal import COLUMNS, LINES, STUDIO, AppTerminal
from results import table, write_section

from ddpm.config import Config
from ddpm.runs import Run
from ddpm.runs_root import create_run

TITLE = "What the app costs"
SETTLING = 1.5  # seconds of a turn that are not counted: what stood still is painted again
FIRST_STEPS = 30
TICKS = os.sysconf("SC_CLK_TCK")
ENDLESS = {"steps": 10_000_000, "checkpoint_every": 10_000_000, "device": "cpu"}
RECIPES: dict[str, tuple[float, dict[str, Any]]] = {
    # The network and batch of the preset mnist, on images of that size that are always there.
    "real": (
        0.97,
        {
            "data": {"source": "digits", "image_size": (28, 28)},
            "model": {"dim": 16, "dim_mults": (1, 2, 4), "blocks_per_level": 1},
            "train": {**ENDLESS, "batch_size": 64, "log_every": 5},
            "previews": {"every": 50, "n": 16, "steps": 20},
        },
    ),
    # The smallest network there is, on one image of 8x8: nothing takes fewer milliseconds here.
    "short": (
        0.95,
        {
            "data": {"source": "digits"},
            "model": {
                "dim": 4,
                "dim_mults": (1,),
                "blocks_per_level": 1,
                "attention_levels": (),
                "middle_attention": False,
                "norm_groups": 2,
            },
            "train": {**ENDLESS, "batch_size": 1, "log_every": 20, "precision": "float32"},
            "previews": {"every": 1000, "n": 16, "steps": 20},
        },
    ),
}


@dataclass(frozen=True)
class Turn:
    """Images a second of the clock and of the processor, seconds a step, and the share of a core of one thread."""

    rate: float
    processor_rate: float
    step_seconds: float
    drawing: float


class Trainer:
    """A process that trains a run, and stands still when it is not its turn."""

    def __init__(self, run: Run, pid: int, wait: Callable[[float], None]) -> None:
        self.run, self.pid, self._wait = run, pid, wait

    def stand_still(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def turn(self, seconds: float) -> Turn:
        """Train for so long; what it wrote and used in that time, but for the first moments of it."""
        os.kill(self.pid, signal.SIGCONT)
        self._wait(SETTLING)
        began, used, drawn = time.time(), self._used(), self._used(f"task/{self.pid}/")
        self._wait(seconds)
        ended = time.time()
        used, drawn = self._used() - used, self._used(f"task/{self.pid}/") - drawn
        self.stand_still()
        rows = [row for row in self.run.metrics() if began <= row["time"] <= ended]
        images = rows[-1]["images_seen"] - rows[0]["images_seen"]
        in_steps = sum(
            (row["images_seen"] - before["images_seen"]) / row["img_per_s"] for before, row in pairwise(rows)
        )
        in_previews = rows[-1]["seconds"] - rows[0]["seconds"] - in_steps
        clock = rows[-1]["time"] - rows[0]["time"] - in_previews
        step_seconds = in_steps / (rows[-1]["step"] - rows[0]["step"])
        share = (ended - began) / (rows[-1]["time"] - rows[0]["time"])
        return Turn(images / clock, images * share / used, step_seconds, drawn / (ended - began))

    def until_it_trains(self) -> None:
        deadline = time.monotonic() + 120
        while self.run.status().step < FIRST_STEPS:
            if time.monotonic() > deadline:
                raise SystemExit(f"{self.run.name} does not train: {self.run.status()}")
            self._wait(0.05)

    def _used(self, thread: str = "") -> float:
        """Seconds of the processor that the process, or one thread of it, has had."""
        fields = Path(f"/proc/{self.pid}/{thread}stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=6, help="of each process (default 6)")
    parser.add_argument("--seconds", type=float, default=10, help="of one turn (default 10)")
    parser.add_argument("--steps", choices=[*RECIPES, "both"], default="both", help="(default both)")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/RESULTS.md")
    arguments = parser.parse_args()
    rows, met = [], True
    for name, (goal, values) in RECIPES.items():
        if arguments.steps in (name, "both"):
            with tempfile.TemporaryDirectory() as home:
                app, headless = race(Path(home), values, arguments.turns, arguments.seconds)
            ratio = median(app, "rate") / median(headless, "rate")
            met &= ratio >= goal
            print(f"{name} steps: {ratio:.3f} of headless (goal {goal})", flush=True)
            rows.append(row_of(name, app, headless, goal))
    header = ["steps", "ms a step", "app, images/s", "headless, images/s", "ratio", "goal"]
    header += ["ratio by processor time", "thread that draws"]
    text = table(header, rows)
    print(f"\n{text}\n\ngoals: {'met' if met else 'missed'}")
    if arguments.write:
        write_section(f"{TITLE}, at {COLUMNS}x{LINES}", text, ("torch", "textual"))
    return 0 if met else 1


def race(home: Path, values: dict[str, Any], turns: int, seconds: float) -> tuple[list[Turn], list[Turn]]:
    """The turns of the app, and those of the command."""
    config = Config.build(values)
    command = start_command(home / "command", config)
    terminal, app = start_app(home / "app", config)
    try:
        found: tuple[list[Turn], list[Turn]] = ([], [])
        for _ in range(turns):
            for trainer, mine in zip((app, command), found, strict=True):
                mine.append(trainer.turn(seconds))
        return found
    finally:
        for trainer in (app, command):
            os.kill(trainer.pid, signal.SIGCONT)
        os.kill(command.pid, signal.SIGTERM)
        os.waitpid(command.pid, 0)
        terminal.end()


def start_command(home: Path, config: Config) -> Trainer:
    run = create_run(home / "runs", "alpha", config)
    words = [sys.executable, "-c", STUDIO, "--home", str(home), "train", "--resume", run.name]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    trainer = Trainer(run, process.pid, time.sleep)
    trainer.until_it_trains()
    trainer.stand_still()
    return trainer


def start_app(home: Path, config: Config) -> tuple[AppTerminal, Trainer]:
    """The app, with the monitor of the run open that it trains."""
    run = create_run(home / "runs", "alpha", config)
    terminal = AppTerminal(home, "--images", "half")
    trainer = Trainer(run, terminal.pid, terminal.read_for)
    terminal.until(lambda: run.name in terminal.text and "Quit" in terminal.text, "the list of runs")
    terminal.press("r")
    terminal.until(lambda: "no whole checkpoint" in terminal.text, "the question")
    terminal.press("y")
    trainer.until_it_trains()
    terminal.until(lambda: "l linear  x images" in terminal.text, "the monitor")
    trainer.stand_still()
    terminal.forget()
    return terminal, trainer


def median(turns: list[Turn], what: str) -> float:
    return statistics.median(getattr(turn, what) for turn in turns)


def row_of(name: str, app: list[Turn], headless: list[Turn], goal: float) -> list[str]:
    def rates(turns: list[Turn]) -> str:
        all_rates = [turn.rate for turn in turns]
        return f"{statistics.median(all_rates):.0f} ({min(all_rates):.0f} to {max(all_rates):.0f})"

    return [
        name,
        f"{1000 * median(headless, 'step_seconds'):.1f}",
        rates(app),
        rates(headless),
        f"{median(app, 'rate') / median(headless, 'rate'):.3f}",
        f"{goal}",
        f"{median(app, 'processor_rate') / median(headless, 'processor_rate'):.3f}",
        f"{median(app, 'drawing'):.1%} of a core",
    ]


if __name__ == "__main__":
    raise SystemExit(main())
