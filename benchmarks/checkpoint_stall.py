"""For how long checkpoints and previews hold training up.

    python benchmarks/checkpoint_stall.py [--dim 128] [--checkpoints 5] [--write]

The network of the DDPM paper for CIFAR-10 (35.7 million parameters; fewer with --dim) is trained a few steps of two
images between checkpoints of its weights, their average and the optimizer's moments. Measured is the time from the
event of a checkpoint, or of a preview that is drawn, until the trainer is asked to go on. In turn with it: copying the
same tensors, and writing them to the same disk, which is what training waited for when it wrote them itself.
With ``--write`` the table goes to RESULTS.md.
"""

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from results import table, write_section

from ddpm import checkpoint as checkpoints
from ddpm.config import Config
from ddpm.events import CheckpointDue, Event, PreviewDrawn
from ddpm.recorder import Recorder
from ddpm.runs import this_process
from ddpm.runs_root import create_run
from ddpm.session import ready_trainer
from ddpm.tensor_copies import TensorCopies

# Steps between two checkpoints: time enough for the one to be on disk before the next is due.
EVERY = 8
GOAL = 1.2
TITLE = "How long a checkpoint holds training up"


class Stalls:
    """Seconds that a trainer waits, by what it waits for; of checkpoints the first, which gets its memory, apart."""

    def __init__(self, folder: Path) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self._folder = folder
        self._copies = TensorCopies()

    def of(self, events: Iterable[Event]) -> Iterator[Event]:
        """Pass the events of a trainer on, and measure how long the next one is not asked for."""
        for event in events:
            match event:
                case CheckpointDue(reason="interval"):
                    self._take_turn(event)
                    with self._measured("checkpoint"):
                        yield event
                case PreviewDrawn():
                    with self._measured("preview"):
                        yield event
                case _:
                    yield event

    def _take_turn(self, due: CheckpointDue) -> None:
        with self._measured("copy"):
            self._copies.take(due.tensors)
        with self._measured("write"):
            checkpoints.save(self._folder, due.step, due.tensors, due.state)

    @contextmanager
    def _measured(self, what: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[what].append(time.perf_counter() - started)


def recipe(dim: int, count: int) -> Config:
    model = {"dim": dim, "dim_mults": (1, 2, 2, 2), "blocks_per_level": 2, "attention_levels": (1,)}
    train = {"steps": EVERY * count + EVERY - 1, "batch_size": 2, "checkpoint_every": EVERY, "device": "cpu"}
    previews = {"every": EVERY + 3, "n": 16, "steps": 1}
    data = {"source": "digits", "image_size": (32, 32)}
    return Config.build({"data": data, "model": model, "train": train, "previews": previews})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dim", type=int, default=128, help="channels of the network (default 128)")
    parser.add_argument("--checkpoints", type=int, default=5, help="how many (default 5)")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/RESULTS.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        config = recipe(arguments.dim, arguments.checkpoints)
        run = create_run(Path(root) / "runs", "stalls", config)
        stalls = Stalls(Path(root) / "written")
        trainer, _ = ready_trainer(config, Path(root))
        with run.locked():
            recorder = Recorder(run, this_process(state="running"), config.train)
            for _ in recorder.follow(stalls.of(trainer.run())):
                pass
        size = run.checkpoints()[-1].size
    parameters = sum(parameter.numel() for parameter in trainer.network.parameters())
    print(f"{parameters / 1e6:.1f} M parameters, checkpoints of {size / 1e6:.0f} MB")
    stall, copy = stalls.seconds["checkpoint"], stalls.seconds["copy"]
    rows = [
        row("the first checkpoint, until training goes on", stall[:1]),
        row("each one after it", stall[1:]),
        row("copying its tensors, in turn", copy[1:]),
        row("writing it, in turn: the stall where it is written in training", stalls.seconds["write"]),
        row("a preview that is drawn, until training goes on", stalls.seconds["preview"]),
    ]
    text = table(["what", "seconds, median (least to most)"], rows)
    ratio = statistics.median(stall[1:]) / statistics.median(copy[1:])
    words = (
        f"A stall is {ratio:.2f} times a copy (goal: at most {GOAL}); a checkpoint has {size / 1e6:.0f} MB."
    )
    print(f"{text}\n\n{words}")
    if arguments.write:
        write_section(TITLE, f"{text}\n\n{words}", ("torch",))
    return 0 if ratio <= GOAL else 1


def row(what: str, seconds: list[float]) -> list[str]:
    least, most = min(seconds), max(seconds)
    return [what, f"{statistics.median(seconds):.4f} ({least:.4f} to {most:.4f})"]


if __name__ == "__main__":
    raise SystemExit(main())
