"""What a training step costs after a million others, and what memory they leave behind.

    python benchmarks/scale.py [--steps 1000000] [--real 200] [--write]

First so many steps by ``train_run``, as app and command train: a row of metrics at each of them, two thousand
checkpoints of which every other is pruned, a thousand previews. What a step computes knows nothing of those before it,
so that it is left out here: the network has a few thousand parameters, and its weights stay as they are. All else is
what every run does. Compared are tenths of the way, by the time of the processor, which other programs do not lengthen,
with that of the clock beside it.

Then real steps of this run, resumed, and of a run without any history, in turn; and what the resume took.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from results import table, write_section

from ddpm import session
from ddpm.checkpoint import newest_whole
from ddpm.config import Config
from ddpm.events import Event, StepDone
from ddpm.loss_bins import LOSS_BINS
from ddpm.runs import Run
from ddpm.runs_root import create_run
from ddpm.trainer import Trainer

TITLE = "A million steps"
BATCH = 16
PARTS = 10
PREVIEWS, CHECKPOINTS = 1000, 2000
STEPS_A_TURN = 10
# Of the last tenth over the first, and of a resumed run over a new one.
MOST_RATIO = 1.1
# Of memory, in bytes after the first tenth.
MOST_GROWTH = 8 * 2**20

Seconds = NDArray[np.float64]


class Untrained(Trainer):
    """A trainer whose steps learn nothing; it counts, reports, draws and stores as any other."""

    def _train_step(self) -> Iterator[Event]:
        self.step += 1
        self.images_seen += BATCH
        self.since_metrics.add(1 / self.step, 0.5, ([1.0] * LOSS_BINS, [BATCH // LOSS_BINS] * LOSS_BINS))
        return
        yield  # a generator, as the one whose place it takes


@dataclass(frozen=True)
class Way:
    """Seconds of processor and clock of each step, [steps], with all that came between it and the next one.

    ``resident``: the bytes of this process after each part of the way.
    """

    processor: Seconds
    clock: Seconds
    resident: list[int]


@dataclass(frozen=True)
class Real:
    """Processor seconds of a real step of the run with a history and of a new one, each the median of its turns.

    ``resume`` and ``start``: seconds to the first step of each, by processor and by clock; ``growth``: bytes that the
    resume took.
    """

    long: float
    new: float
    resume: tuple[float, float]
    start: tuple[float, float]
    growth: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1_000_000, help="steps without learning (default 10^6)")
    parser.add_argument("--real", type=int, default=200, help="steps with learning of each run (default 200)")
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/RESULTS.md")
    arguments = parser.parse_args()
    if arguments.steps % (CHECKPOINTS * PARTS):
        parser.error(f"steps in multiples of {CHECKPOINTS * PARTS:,}: they are cut into {PARTS} parts")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as home:
        config = recipe(arguments.steps, arguments.real)
        run = create_run(Path(home) / "runs", "long", config)
        way = train_without_learning(run, arguments.steps)
        real = real_steps(run, create_run(Path(home) / "runs", "new", config), arguments.real)
        text, met = report(run, way, real)
    print(f"\n{text}")
    if arguments.write:
        write_section(TITLE, text, ("torch",))
    return 0 if met else 1


def recipe(steps: int, real: int) -> Config:
    between = steps // CHECKPOINTS
    return Config.build(
        {
            "data": {"source": "digits"},
            "diffusion": {"T": 20},
            "model": {"dim": 8, "dim_mults": [1], "blocks_per_level": 1, "middle_attention": False},
            "train": {
                "steps": steps + real + 1, "batch_size": BATCH, "log_every": 1, "held_out_every": 0, "device": "cpu",
                "checkpoint_every": between, "keep_every": 2 * between,
            },
            "previews": {"every": steps // PREVIEWS, "n": 1, "steps": 1},
        }
    )  # fmt: skip


def train_without_learning(run: Run, steps: int) -> Way:
    """Train to step ``steps``, then stop as a person would."""
    # Written now, so that it is in memory from the beginning.
    times = np.full((2, steps + 1), 0.0)
    resident: list[int] = []
    done = 0

    def commands() -> list[Any]:
        return ["stop"] if done >= steps else run.take_commands()

    session.Trainer = Untrained
    try:
        for event in train_run(run, commands):
            if isinstance(event, StepDone):
                # What comes with a step comes after it: until here it was the one before.
                times[:, done] = time.process_time(), time.perf_counter()
                done = event.step
                if done % (steps // PARTS) == 0:
                    resident.append(psutil.Process().memory_info().rss)
                    print(f"step {done:,}: {resident[-1] / 2**20:.1f} MiB", flush=True)
        times[:, done] = time.process_time(), time.perf_counter()
    finally:
        session.Trainer = Trainer
    return Way(*np.diff(times), resident)


def train_run(
    run: Run, take_commands: Callable[[], list[Any]] | None = None, **options: Any
) -> Iterator[Event]:
    commands = take_commands or run.take_commands
    return session.train_run(run, data_root=run.path.parent, take_commands=commands, **options)


def real_steps(run: Run, new: Run, steps: int) -> Real:
    """Resume ``run``, start ``new``, and let them take steps in turn."""
    memory = psutil.Process().memory_info().rss
    resumed, resume = begun(lambda: train_run(run, checkpoint=newest_whole(run.checkpoints_path)))
    growth = psutil.Process().memory_info().rss - memory
    started, start = begun(lambda: train_run(new))
    seconds: dict[Iterator[Event], list[float]] = {resumed: [], started: []}
    for _ in range(steps // STEPS_A_TURN):
        for events, turns in seconds.items():
            spent = time.process_time()
            take(events, STEPS_A_TURN)
            turns.append((time.process_time() - spent) / STEPS_A_TURN)
    resumed.close()
    started.close()
    return Real(float(np.median(seconds[resumed])), float(np.median(seconds[started])), resume, start, growth)


def begun(begin: Callable[[], Iterator[Event]]) -> tuple[Iterator[Event], tuple[float, float]]:
    """A training that has taken its first step, and the seconds until then by processor and by clock."""
    spent, clock = time.process_time(), time.perf_counter()
    events = begin()
    take(events, 1)
    return events, (time.process_time() - spent, time.perf_counter() - clock)


def take(events: Iterator[Event], steps: int) -> None:
    while steps:
        steps -= isinstance(next(events), StepDone)


def report(run: Run, way: Way, real: Real) -> tuple[str, bool]:
    """What was found, as text, and whether the goals are met."""
    means = way.processor.reshape(PARTS, -1).mean(axis=1)
    ratio, real_ratio = means[-1] / means[0], real.long / real.new
    growth = way.resident[-1] - way.resident[0]
    met = max(ratio, real_ratio) <= MOST_RATIO and growth <= MOST_GROWTH
    history = (
        f"{run.metrics_path.stat().st_size / 1e6:,.0f} MB of metrics, {len(run.checkpoints()):,} checkpoints and "
        f"{len(run.previews()):,} previews"
    )
    text = (
        "Steps that learn nothing, and otherwise are those of any run, by the time of the processor but for one column;"
        f" checkpoints and previews are medians.\n\n{parts_table(run, way)}\n\n"
        f"The last tenth took {ratio:.2f} times the first (goal: {MOST_RATIO} at most). Memory grew by "
        f"{growth / 2**20:.1f} MiB after the first tenth (goal: {MOST_GROWTH / 2**20:.0f} at most).\n\n"
        f"With {history} behind it, a step that learns took {1e3 * real.long:.2f} ms, and {1e3 * real.new:.2f} ms in a "
        f"new run: {real_ratio:.2f} times (goal: {MOST_RATIO} at most). Resumed, it took its first step after "
        f"{told(real.resume)} and {real.growth / 2**20:.0f} MiB, the new run after {told(real.start)}.\n\n"
        f"Goals: {'met' if met else 'missed'}."
    )
    return text, met


def parts_table(run: Run, way: Way) -> str:
    config = run.config()
    after = np.arange(1, len(way.processor) + 1)  # as many steps are done when one is over
    has_preview = after % config.previews.every == 0
    has_checkpoint = (after % config.train.checkpoint_every == 0) & ~has_preview
    rows = []
    for part in np.split(after - 1, PARTS):
        seconds, preview, checkpoint = way.processor[part], has_preview[part], has_checkpoint[part]
        each = (
            1e6 * seconds.mean(),
            1e6 * way.clock[part].mean(),
            1e6 * np.median(seconds[~(preview | checkpoint)]),
            1e3 * np.median(seconds[checkpoint]),
            1e3 * np.median(seconds[preview]),
        )
        figures = [f"{value:.{digits}f}" for value, digits in zip(each, (0, 0, 0, 1, 1), strict=True)]
        rows.append([f"to {part[-1] + 1:,}", *figures, f"{way.resident[len(rows)] / 2**20:.1f}"])
    header = ["steps", "mean, us", "by the clock, us", "plain step, us"]
    header += ["with checkpoint, ms", "and preview, ms", "memory, MiB"]
    return table(header, rows)


def told(seconds: tuple[float, float]) -> str:
    return f"{seconds[0]:.1f} s of the processor ({seconds[1]:.1f} s by the clock)"


if __name__ == "__main__":
    sys.exit(main())
