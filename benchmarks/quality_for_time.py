"""How good the digits are that ten minutes of two cores teach, from scratch: our preset ``mnist`` against two peers.

    python benchmarks/quality_for_time.py --data-root DIR --work DIR [--seconds 600] [--n 2048] [--write]

The minutes are counted in steps, so that a busy machine changes nothing: first all contestants take steps in turn, one
thread each, which gives their images per second of a processor; then each trains as many steps as two processors take
in that time. How good: the Frechet distance of 2,048 drawn images to the real training images in the features of a
classifier that is trained here (benchmarks/mnist_classifier.py), beside that of MNIST's test images, which is as good
as can be. Every contestant draws with as many calls of its network, by the best of its own samplers.

``diffusers, our recipe`` is a contestant outside the goal, to see what is the recipe and what the library: the parts of
diffusers in a loop of one's own, with v and the learning rate of our preset, which its script does not offer.

Rates, weights and distances are kept in the work folder: what was cut off goes on there. ``--train NAME`` trains that
contestant alone, for one that is to run beside another. Who trains how is told in benchmarks/quality_contestants.py.
Needs the extra ``bench``.
"""

import argparse
import bisect
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from mnist_classifier import Figures, Judge, trained_judge, unseen_images
from quality_contestants import CONTESTANTS, OURS, PEERS, SNAPSHOTS
from results import table, write_section
from torch import Tensor

from ddpm.files import json_bytes, replace_file

CORES = 2
# Shares of the training after which a snapshot is judged, multiples of 1 / SNAPSHOTS.
SHARES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
EVALUATIONS = 20
# A snapshot is judged by fewer images, and so is the choice of a sampler.
FEW_IMAGES = 512
GOAL = 1 / 8
TITLE = "Quality for time"


@dataclass(frozen=True)
class Rate:
    """Images per second of one processor: the median of all turns, the least and the most."""

    images: float
    least: float
    most: float


class Work:
    """The work folder: rates, snapshots by contestant and step, and distances that were measured of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def of(self, name: str) -> Path:
        """The folder of a contestant's weights."""
        path = self.folder / name.replace(", ", "-").replace(" ", "-")
        path.mkdir(exist_ok=True)
        return path

    def read(self, what: str) -> dict:
        path = self.folder / f"{what}.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def write(self, what: str, values: dict) -> None:
        replace_file(self.folder / f"{what}.json", json_bytes(values))


def rates(work: Work, data_root: Path, turns: int) -> dict[str, Rate]:
    """The rate of each contestant, measured once for a work folder."""
    if known := work.read("rates"):
        return {name: Rate(**values) for name, values in known.items()}
    contestants = {name: build(data_root, 10**6) for name, build in CONTESTANTS.items()}
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(turns + 1):
        for name, contestant in contestants.items():
            started = time.process_time()
            for _ in range(128 // contestant.batch_size):
                contestant.train_step()
            if turn:  # the first one warms up
                taken[name].append(128 / (time.process_time() - started))
    found = {name: Rate(statistics.median(all), min(all), max(all)) for name, all in taken.items()}
    work.write("rates", {name: asdict(rate) for name, rate in found.items()})
    return found


def affordable_steps(rate: Rate, batch_size: int, seconds: float) -> int:
    """Steps that two processors take in the time: a multiple of SNAPSHOTS."""
    steps = int(rate.images * CORES * seconds / batch_size)
    return max(SNAPSHOTS, steps - steps % SNAPSHOTS)


def snapshot_steps(steps: int) -> list[int]:
    return [round(share * steps) for share in SHARES]


@dataclass(frozen=True)
class Jury:
    """Measures distances, each once for a work folder."""

    work: Work
    judge: Judge

    def figures(self, key: str, images: Callable[[], Tensor]) -> Figures:
        known = self.work.read("distances").get(key)
        if known is None:
            known = asdict(self.judge.figures(images()))
            self.work.write("distances", {**self.work.read("distances"), key: known})
            print(f"{key}: {known['distance']:.2f}", file=sys.stderr, flush=True)
        return Figures(**known)


@dataclass(frozen=True)
class Outcome:
    """What a contestant came to. ``few``: the distance of few images drawn after one of its steps."""

    name: str
    parameters: int
    rate: Rate
    batch_size: int
    steps: int
    sampler: str
    figures: Figures
    few: Callable[[int], float]

    def images_until(self, distance: float) -> int | None:
        """Images seen at the first snapshot that is as good, found by halving; None where none is."""
        steps = snapshot_steps(self.steps)
        first = bisect.bisect_left(steps, True, key=lambda step: self.few(step) <= distance)
        return steps[first] * self.batch_size if first < len(steps) else None


def judged(jury: Jury, name: str, data_root: Path, rate: Rate, steps: int, n: int) -> Outcome:
    contestant = CONTESTANTS[name](data_root, steps)

    def figures(step: int, sampler: str, n: int) -> Figures:
        def draw() -> Tensor:
            contestant.load(jury.work.of(name), step)
            return contestant.draw(sampler, n, EVALUATIONS)

        return jury.figures(f"{name}, step {step}, {sampler}, {n} images, {EVALUATIONS} calls", draw)

    def few(step: int, sampler: str) -> float:
        return figures(step, sampler, FEW_IMAGES).distance

    best = min(contestant.samplers, key=lambda sampler: few(steps, sampler))
    return Outcome(
        name,
        contestant.parameters,
        rate,
        contestant.batch_size,
        steps,
        best,
        figures(steps, best, n),
        lambda step: few(step, best),
    )


def report(outcomes: list[Outcome], floor: Figures, n: int) -> tuple[str, bool]:
    """The table with its sentences, and whether the goal is met."""
    ours = next(outcome for outcome in outcomes if outcome.name == OURS)
    peers = [outcome for outcome in outcomes if outcome.name in PEERS]
    best = min(peers, key=lambda outcome: outcome.figures.distance)
    threshold = min(peer.few(peer.steps) for peer in peers)
    header = ["trainer", "parameters", "images/CPU-s (least to most)", "images trained", "drawn by"]
    header += ["distance", "top class", "times ours", f"images until {threshold:.1f}"]
    rows = [
        [
            outcome.name,
            f"{outcome.parameters / 1e6:.2f} M",
            f"{outcome.rate.images:.0f} ({outcome.rate.least:.0f} to {outcome.rate.most:.0f})",
            f"{outcome.steps * outcome.batch_size:,}",
            outcome.sampler,
            f"{outcome.figures.distance:.2f}",
            f"{outcome.figures.top_class:.3f}",
            f"{outcome.figures.distance / ours.figures.distance:.1f}",
            f"{until:,}" if (until := outcome.images_until(threshold)) else "not reached",
        ]
        for outcome in outcomes
    ]
    rows.append(["MNIST's test images", *[""] * 4, f"{floor.distance:.2f}", f"{floor.top_class:.3f}", "", ""])
    ratio = ours.figures.distance / best.figures.distance
    met = ratio <= GOAL
    words = (
        f"Distances of {n:,} images drawn with {EVALUATIONS} calls of the network. Ours is {ratio:.3f} of that of the "
        f"best peer, {best.name}; goal at most {GOAL}: {'met' if met else 'missed'}. The last column: images trained "
        f"until the distance of {FEW_IMAGES} images is that of the best peer's last "
        f"weights, among snapshots at {', '.join(f'{share:.0%}' for share in SHARES)} of the training.\n\n"
        "The peers have what serves them: heads of 64 channels, bfloat16, ten times their scripts' learning rate, "
        "averages that fit the length, and of their samplers the best; diffusers trains the very same network. An "
        f"eighth of its distance is to be seen beside that of real images, {floor.distance:.1f}. What was tried for "
        "our preset stands in NOTES.md."
    )
    return f"{table(header, rows)}\n\n{words}", met


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--data-root", type=Path, required=True, help="where MNIST is")
    parser.add_argument("--work", type=Path, required=True, help="folder of rates, weights and distances")
    parser.add_argument("--seconds", type=float, default=600, help="on two processors (default 600)")
    parser.add_argument("--n", type=int, default=2048, help="images that are judged (default 2048)")
    parser.add_argument(
        "--turns", type=int, default=5, help="turns of each contestant for its rate (default 5)"
    )
    parser.add_argument(
        "--contestants", nargs="+", choices=CONTESTANTS, default=[OURS, *PEERS], metavar="NAME"
    )
    parser.add_argument("--train", choices=CONTESTANTS, help="train this one alone, and judge nothing")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/RESULTS.md")
    return parser.parse_args()


def main() -> int:
    given = parse()
    torch.set_num_threads(1)
    work = Work(given.work)
    measured = rates(work, given.data_root, given.turns)
    steps = {
        name: affordable_steps(measured[name], build.batch_size, given.seconds)
        for name, build in CONTESTANTS.items()
    }
    for name in [given.train] if given.train else given.contestants:
        CONTESTANTS[name](given.data_root, steps[name]).train(work.of(name), snapshot_steps(steps[name]))
    if given.train:
        return 0
    torch.set_num_threads(CORES)
    jury = Jury(work, trained_judge("mnist", given.data_root))
    floor = jury.figures(f"test images, {given.n}", lambda: unseen_images(given.data_root, given.n))
    outcomes = [
        judged(jury, name, given.data_root, measured[name], steps[name], given.n)
        for name in given.contestants
    ]
    text, met = report(outcomes, floor, given.n)
    print(text)
    if given.write:
        write_section(TITLE, text, ("torch", "diffusers", "denoising-diffusion-pytorch"))
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
