"""A training step of ours against those of two peers, on the same work, and against what the machine can do.

    python benchmarks/training_step.py [--turns 5] [--steps 2] [--threads 2] [--write]

Every contestant is a process of its own, and they take turns, so that whatever else the machine does slows all of
them; what counts is the ratio of the medians. The time of the processor is shown beside that of the clock: on a
machine that is shared it says more. Needs the extra ``bench``. With ``--write`` the table goes to RESULTS.md.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from results import table, write_section

BATCH = 64
# Ours first; a pair has the same number of parameters within 5 %.
PAIRS = (
    (("ours: three levels", "ours, float32: three levels", "diffusers: three levels"), 3.0),
    (("ours: six levels", "diffusers: six levels"), 3.0),
    (("ours: one block a level", "denoising-diffusion-pytorch: dim 32"), 3.5),
)
TITLE = "Training step against peers"


@dataclass
class Racer:
    """A contestant's process, what it said of itself, and its turns: seconds, processor seconds, product rate."""

    process: subprocess.Popen
    about: dict
    turns: list[dict] = field(default_factory=list)

    def turn(self, steps: int) -> None:
        """Let it take ``steps`` steps while the others wait."""
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        self.turns.append(json.loads(self.process.stdout.readline()))

    def rates(self, clock: str, steps: int) -> list[float]:
        """Images per second of ``clock``, "wall" or "cpu", of each turn."""
        return [BATCH * steps / turn[clock] for turn in self.turns]

    def share(self, steps: int) -> float:
        """Operations a second over those of a matrix product in the same type, the median of the turns."""
        return statistics.median(
            self.about["flops"] * steps / turn["wall"] / turn["rate"] for turn in self.turns
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5, help="turns of each contestant (default 5)")
    parser.add_argument("--steps", type=int, default=2, help="steps in a turn (default 2)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads (default: all cores)")
    parser.add_argument("--channels", type=int, nargs="+", default=[1, 3], help="of the images (default 1 3)")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/RESULTS.md")
    arguments = parser.parse_args()
    rows, met = [], True
    for channels in arguments.channels:
        for names, goal in PAIRS:
            racers = race(names, channels, arguments)
            ratio = median_ratio(racers, "wall", arguments.steps)
            rows += rows_of(names, racers, channels, arguments.steps)
            met &= ratio >= goal
            print(
                f"{channels} x 32 x 32, {names[0]}: {ratio:.2f} times {names[-1]} (goal {goal})", flush=True
            )
    header = ["image", "trainer", "parameters", "GFLOP a step", "images/s (least to most)"]
    header += ["images/CPU-s", "ours over it", "by CPU time", "share of products"]
    text = table(header, rows)
    print(f"\n{text}\n\ngoals: {'met' if met else 'missed'}")
    if arguments.write:
        write_section(TITLE, text, ("torch", "diffusers", "denoising-diffusion-pytorch"))
    return 0 if met else 1


def race(names: tuple[str, ...], channels: int, arguments: argparse.Namespace) -> dict[str, Racer]:
    """All contestants of one pair, after their turns."""
    racers = {name: start(name, channels, arguments.threads) for name in names}
    for _ in range(arguments.turns):
        for racer in racers.values():
            racer.turn(arguments.steps)
    for racer in racers.values():
        racer.process.stdin.close()
        racer.process.wait()
    return racers


def start(name: str, channels: int, threads: int) -> Racer:
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": str(here.parent), "OMP_NUM_THREADS": str(threads)}
    process = subprocess.Popen(
        [sys.executable, str(here / "step_contestants.py"), name, str(channels), str(threads)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    first = process.stdout.readline()
    if not first:
        raise SystemExit(f"The contestant {name!r} did not start; what it said is above.")
    return Racer(process, json.loads(first))


def median_ratio(racers: dict[str, Racer], clock: str, steps: int, against: str | None = None) -> float:
    """Images per second of the first racer over those of another, by default the last: medians of all turns."""
    names = list(racers)
    mine, other = (
        statistics.median(racers[name].rates(clock, steps)) for name in (names[0], against or names[-1])
    )
    return mine / other


def rows_of(names: tuple[str, ...], racers: dict[str, Racer], channels: int, steps: int) -> list[list[str]]:
    rows = []
    for name in names:
        racer = racers[name]
        wall = racer.rates("wall", steps)
        cpu = statistics.median(racer.rates("cpu", steps))
        rows.append(
            [
                f"{channels}x32x32",
                f"{name} ({racer.about['dtype']})",
                f"{racer.about['parameters'] / 1e6:.2f} M",
                f"{racer.about['flops'] / 1e9:.0f}",
                f"{statistics.median(wall):.1f} ({min(wall):.1f} to {max(wall):.1f})",
                f"{cpu:.1f}",
                f"{median_ratio(racers, 'wall', steps, name):.2f}",
                f"{median_ratio(racers, 'cpu', steps, name):.2f}",
                f"{racer.share(steps):.0%}",
            ]
        )
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
