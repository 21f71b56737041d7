"""Kill training runs at random instants; each must open, resume, and end as the run that nobody killed.

    python benchmarks/crash.py [--kills 500] [--seed 0] [--json]

Every run is trained by a process of its own, which is killed with SIGKILL: in preparation, in a step, in a
checkpoint, while old checkpoints are deleted, in a preview. Now and then the process that resumes is killed as
well. What is left must hold no damaged file; the end must agree with the reference bit for bit: every tensor,
every preview, and metrics.jsonl with each step exactly once. Only clocks may differ.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = (
    "1"  # before torch is imported: this process forks, so it must have no threads
)

import safetensors.torch  # noqa: F401
import torch._dynamo  # noqa: F401  # an optimizer imports it; done here once, no process does it again

from ddpm.checkpoint import newest_whole, verify
from ddpm.config import Config
from ddpm.events import CheckpointSaved, Event, PreviewDrawn, PreviewProgress, StepDone
from ddpm.runs import Run
from ddpm.runs_root import create_run
from ddpm.session import train_run

RECIPE = Config.build(
    {
        "model": {
            "dim": 8,
            "dim_mults": (1, 2),
            "blocks_per_level": 1,
            "attention_head_dim": 8,
            "norm_groups": 4,
        },
        "diffusion": {"T": 50},
        "train": {
            "steps": 24,
            "batch_size": 8,
            "warmup_steps": 4,
            "log_every": 3,
            "checkpoint_every": 4,
            "keep_checkpoints": 2,
            "ema_lengths": (0.05, 0.1),
            "ema_snapshot_every": 10,
            "device": "cpu",
        },
        "previews": {"every": 7, "n": 4, "steps": 5},
    }
)
MEASURED = ("time", "seconds", "img_per_s", "memory")
AGAIN = 0.25  # how often the process that resumes is killed too
PLACES = ("preparation", "training", "checkpoint", "pruning", "preview")


@dataclass(frozen=True)
class Message:
    """What a training process told, and how many seconds after it began."""

    kind: str
    seconds: float


class Training:
    """A process that trains a run from its newest whole checkpoint, and tells each event through a pipe."""

    def __init__(self, run: Run) -> None:
        self._began = time.perf_counter()
        self._pipe, there = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._pipe)
            _train(run, there)
        os.close(there)

    def messages(self) -> Iterator[Message]:
        """One message an event, until the process ends."""
        while kind := os.read(self._pipe, 1):
            yield Message(kind.decode(), time.perf_counter() - self._began)

    def kill(self) -> None:
        """End it as the kernel ends a process when memory is short."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """The exit code; minus the number of the signal that ended it."""
        os.close(self._pipe)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _train(run: Run, pipe: int) -> None:
    try:
        events = train_run(
            run, data_root=run.path, take_commands=list, checkpoint=newest_whole(run.checkpoints_path)
        )
        for event in events:
            os.write(pipe, _kind(event))
    except BaseException as error:
        print(f"{run.path}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def _kind(event: Event) -> bytes:
    match event:
        case StepDone():
            return b"s"
        case CheckpointSaved():
            return b"c"
        case PreviewProgress() | PreviewDrawn():
            return b"p"
        case _:
            return b"-"


def train_whole(run: Run) -> list[Message]:
    """Train to the end. Raises RuntimeError where the process fails."""
    training = Training(run)
    told = list(training.messages())
    if code := training.wait():
        raise RuntimeError(f"training {run.path} ended with {code}")
    return told


def choose_instant(reference: list[Message], place: str, chance: random.Random) -> tuple[int, float]:
    """How many messages to wait for and how many seconds more, so that the kill falls in such a place."""
    kinds = [message.kind for message in reference]
    gaps = {
        "preparation": [0],
        "training": [i for i, kind in enumerate(kinds) if kind == "s"],
        "checkpoint": [gap for i, kind in enumerate(kinds) if kind == "c" for gap in _while_saved(kinds, i)],
        "pruning": [i + 1 for i, kind in enumerate(kinds[:-1]) if kind == "c"],
        "preview": [i for i, kind in enumerate(kinds) if kind == "p"],
    }
    gap = chance.choice(gaps[place])
    before = reference[gap - 1].seconds if gap else 0.0
    return gap, chance.uniform(0, reference[gap].seconds - before)


def _while_saved(kinds: list[str], told: int) -> range:
    """The gaps between messages in which the checkpoint was written that message ``told`` is of."""
    due = told
    while kinds[:due].count("s") % RECIPE.train.checkpoint_every:
        due -= 1
    begin = max(i for i in range(due) if kinds[i] == "s") + 1
    return range(begin, told + 1)


def kill_at(run: Run, wait_for: int, seconds: float) -> bool:
    """Train and kill after that many messages and seconds; False where the run came to its end before."""
    training = Training(run)
    told = training.messages()
    for _ in range(wait_for):
        if next(told, None) is None:
            break
    time.sleep(seconds)
    training.kill()
    return training.wait() == -signal.SIGKILL


def traces(run: Run) -> set[str]:
    """What the kill cut in two, as far as files tell."""
    found = set()
    for folder in (run.checkpoints_path, run.snapshots_path):
        found |= {path.name[1:].partition("-")[0] for path in folder.glob(".*-*")}
    if any(run.path.rglob("*.tmp")):
        found.add("replacing")
    return found


def faults_of(run: Run) -> list[str]:
    """What is wrong with a run whose trainer was killed; nothing should be."""
    run.config()
    faults = [f"{c.path.name}: {problem}" for c in run.checkpoints() if (problem := verify(c))]
    if run.is_training():
        faults.append("the lock outlived the process")
    steps = [row["step"] for row in run.metrics()]
    if steps != sorted(set(steps)):
        faults.append(f"metrics.jsonl has the steps {steps}")
    return faults


def differences(one: Run, other: Run) -> list[str]:
    """Where two finished runs differ, but for what a clock says."""
    ours, theirs = _contents(one), _contents(other)
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def _contents(run: Run) -> dict[str, Any]:
    contents: dict[str, Any] = {"status": (run.status().state, run.status().step)}
    for row in run.metrics():
        contents.setdefault(f"metrics of step {row['step']}", []).append(_without_clocks(row))
    for folder in (run.checkpoints_path, run.snapshots_path):
        for path in folder.glob("[!.]*/*"):
            name = str(path.relative_to(run.path))
            if path.name == "state.json":
                contents[name] = _without_clocks(json.loads(path.read_bytes()))
            elif path.suffix == ".safetensors":
                contents[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    for path in run.previews_path.glob("[!.]*"):
        contents[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return contents


def _without_clocks(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _without_clocks(value) if isinstance(value, dict) else value
        for name, value in row.items()
        if name not in MEASURED
    }


@dataclass
class Result:
    """What became of the kills."""

    kills: Counter[str]
    cut: Counter[str]
    runs: int
    failures: list[str]


def kill_and_compare(root: Path, kills: int, seed: int) -> Result:
    """Kill that many processes; each run that was killed is resumed to its end and compared."""
    chance = random.Random(seed)
    whole = create_run(root, "whole", RECIPE)
    reference = train_whole(whole)
    result = Result(Counter(), Counter(), 0, [])
    while sum(result.kills.values()) < kills:
        run = create_run(root, f"killed-{result.runs + 1}", RECIPE)
        killed = False
        while sum(result.kills.values()) < kills and (not killed or chance.random() < AGAIN):
            place = PLACES[sum(result.kills.values()) % len(PLACES)]
            if not kill_at(run, *choose_instant(reference, place, chance)):
                break
            killed = True
            result.kills[place] += 1
            result.cut.update(traces(run))
            result.failures += [f"{run.name}, killed in {place}: {fault}" for fault in faults_of(run)]
        if killed:
            result.runs += 1
            result.failures += _end_of(run, whole)
        shutil.rmtree(run.path)
    return result


def _end_of(run: Run, whole: Run) -> list[str]:
    try:
        if run.status().state != "finished":
            train_whole(run)
    except RuntimeError as error:
        return [f"{run.name}: {error}"]
    return [f"{run.name}: {name} differs" for name in differences(whole, run)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=500, help="processes to kill (default 500)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the instants (default 0)")
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")
    arguments = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as root:
        result = kill_and_compare(Path(root), arguments.kills, arguments.seed)
    seconds = time.perf_counter() - started
    if arguments.json:
        row = {"kills": result.kills, "cut": result.cut, "runs": result.runs, "failures": result.failures}
        print(json.dumps({**row, "seconds": seconds}))
    else:
        print(f"{'killed in':14} {'kills':>6}")
        for place in PLACES:
            print(f"{place:14} {result.kills[place]:6}")
        print(f"{'all':14} {sum(result.kills.values()):6}")
        cut = ", ".join(f"{name} {count}" for name, count in sorted(result.cut.items()))
        print(f"\nleft half done by a kill: {cut or 'nothing'}")
        print(f"{result.runs} runs resumed to their end in {seconds:.0f} s; failures: {len(result.failures)}")
        print("\n".join(result.failures))
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
