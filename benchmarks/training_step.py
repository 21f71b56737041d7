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


@dataclass(frozen=True)
class Race:
    """Networks of ours and one of a peer, of the same number of parameters within 5 %, and what ours are to reach."""

    ours: tuple[str, ...]
    peer: str
    goal: float
    besides: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.ours, *self.besides, self.peer)


RACES = (
    Race(
        ("ours: three levels", "ours: narrow, four levels"),
        "diffusers: three levels",
        3.0,
        besides=("ours, float32: three levels",),
    ),
    Race(("ours: six levels", "ours: narrow, five levels"), "diffusers: six levels", 3.0),
    Race(("ours: one block a level",), "denoising-diffusion-pytorch: dim 32", 3.5),
)
SHARE_GOAL = 0.6
TITLE = "Training step against peers"
READ_SO = """The networks of three and of six levels are built as the peer's are. The narrow ones have as many
parameters, most of them where the image is small, and do fewer operations for each image: how good their samples are
is another question, that of quality for time. NOTES.md says what was tried."""


@dataclass(frozen=True)
class Verdict:
    """What one network of ours reached, in words, and whether its ratio is the goal."""

    words: str
    met: bool


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
    rows, verdicts = [], []
    for channels in arguments.channels:
        for race in RACES:
            racers = run(race, channels, arguments)
            rows += rows_of(race, racers, channels, arguments.steps)
            for name in race.ours:
                verdicts.append(verdict(race, name, racers, channels, arguments.steps))
                print(verdicts[-1].words, flush=True)
    header = ["image", "trainer", "parameters", "GFLOP a step", "images/s (least to most)", "images/CPU-s"]
    header += ["times the peer", "by CPU time", "share of products"]
    told = "\n".join(f"- {each.words}" for each in verdicts)
    text = f"{table(header, rows)}\n\n{READ_SO}\n\n{told}"
    print(f"\n{text}")
    if arguments.write:
        write_section(TITLE, text, ("torch", "diffusers", "denoising-diffusion-pytorch"))
    return 0 if all(each.met for each in verdicts) else 1


def run(race: Race, channels: int, arguments: argparse.Namespace) -> dict[str, Racer]:
    """All contestants of one race, after their turns."""
    racers = {name: start(name, channels, arguments.threads) for name in race.names}
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


def times_the_peer(name: str, race: Race, racers: dict[str, Racer], clock: str, steps: int) -> float:
    """Images per second of a racer over those of the peer: medians of all turns."""
    mine, peer = (statistics.median(racers[each].rates(clock, steps)) for each in (name, race.peer))
    return mine / peer


def verdict(race: Race, name: str, racers: dict[str, Racer], channels: int, steps: int) -> Verdict:
    """What a network of ours reached of its goals, in words."""
    ratio = times_the_peer(name, race, racers, "wall", steps)
    peer = race.peer.partition(":")[0]
    words = f"{channels}x32x32, {name}: {ratio:.2f} times {peer}, {reached(ratio, race.goal)}; "
    share = racers[name].share(steps)
    words += f"{share:.0%} of the rate of products, {reached(share, SHARE_GOAL)}"
    return Verdict(words, ratio >= race.goal)


def reached(found: float, goal: float) -> str:
    """Whether a goal is met, and by how much it is missed."""
    return f"goal {goal:g} met" if found >= goal else f"goal {goal:g} missed by {1 - found / goal:.0%}"


def rows_of(race: Race, racers: dict[str, Racer], channels: int, steps: int) -> list[list[str]]:
    rows = []
    for name in race.names:
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
                f"{times_the_peer(name, race, racers, 'wall', steps):.2f}",
                f"{times_the_peer(name, race, racers, 'cpu', steps):.2f}",
                f"{racer.share(steps):.0%}",
            ]
        )
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
