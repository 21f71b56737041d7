"""Runs that are told something on their way and lost at some step, within one process; and whether two are the same."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from ddpm.checkpoint import find_checkpoint
from ddpm.commands import Command
from ddpm.events import Event, StepDone
from ddpm.runs import Run
from ddpm.session import train_run

Tells = dict[int, list[Command]]


def train(run: Run, tells: Tells, until: int | None = None, **options: Any) -> list[Event]:
    """The events of a training that is told ``tells`` when so many steps are done.

    It is left after step ``until``: what came after its last checkpoint is lost, as in a kill.
    """
    events: list[Event] = []
    for event in train_run(run, data_root=run.path.parent, take_commands=run.take_commands, **options):
        events.append(event)
        if isinstance(event, StepDone):
            for command in tells.get(event.step, ()):
                run.send(command)
            if event.step == until:
                break
    return events


def resume(run: Run, tells: Tells, until: int | None = None) -> list[Event]:
    """Go on from the newest whole checkpoint; what was told is not told again, as it is in the recipe."""
    made = {change.step for change in run.config().changes}
    still = {step: commands for step, commands in tells.items() if step not in made}
    return train(run, still, until, checkpoint=find_checkpoint(run.checkpoints_path, None))


def same_end(one: Run, other: Run) -> None:
    """Compare all tensors of the last checkpoints bit for bit, the recipes, the previews, and the rows of metrics:
    each step once, all but what a clock says."""
    a, b = one.checkpoints()[-1].path, other.checkpoints()[-1].path
    assert a.name == b.name
    names = sorted(path.name for path in a.glob("*.safetensors"))
    assert names == sorted(path.name for path in b.glob("*.safetensors"))
    for name in names:
        ours, theirs = load_file(a / name), load_file(b / name)
        assert ours.keys() == theirs.keys()
        assert [key for key in ours if not torch.equal(ours[key], theirs[key])] == [], name
    assert one.config() == other.config()
    assert _drawn(one) == _drawn(other)
    rows = _rows(one)
    assert rows == _rows(other)
    assert [row["step"] for row in rows] == list(range(1, int(a.name) + 1))


def _drawn(run: Run) -> dict[int, bytes]:
    return {preview.step: Path(preview.image).read_bytes() for preview in run.previews()}


def _rows(run: Run) -> list[dict[str, Any]]:
    measured = ("time", "seconds", "img_per_s", "memory")
    return [{name: value for name, value in row.items() if name not in measured} for row in run.metrics()]
