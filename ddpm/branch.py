"""A run of its own that begins at a checkpoint of another one: to try something else from there, or to keep it."""

import shutil
from functools import partial
from pathlib import Path

from ddpm.checkpoint import Checkpoint, list_set_aside, load, save
from ddpm.errors import NoSuchCheckpointError
from ddpm.progress import Progress, say_nothing
from ddpm.runs import Run, Status
from ddpm.runs_root import new_run


def branch(root: Path, name: str, run: Run, checkpoint: Checkpoint, progress: Progress = say_nothing) -> Run:
    """Make a run below ``root`` with the recipe of ``run`` and a copy of one checkpoint, hashes compared.

    ``progress`` hears of the bytes, first as they are read.
    It has the metrics and previews up to there, and can be drawn from and trained on; the other run is left as it is.
    It is whole or not there. Raises CheckpointError where the checkpoint is damaged or gone, RunError where the name
    is taken or the place cannot be written.
    """
    stems = [path.stem for path in sorted(checkpoint.path.glob("*.safetensors"))]
    tensors, state = load(checkpoint, *stems, told=partial(progress, "reading"))
    config, step = run.config(), checkpoint.step
    words = f"branched from {run.name} at step {step}"
    with new_run(root, name, config) as made:
        save(made.checkpoints_path, step, tensors, state, partial(progress, "writing"))
        _copy_records(run, made, step)
        made.record("branched", step, words)
        made.write_status(Status(state="stopped", step=step, steps=config.train.steps, message=words))
    return Run(root / name)


def _copy_records(run: Run, made: Run, step: int) -> None:
    """Copy the metrics and previews of ``run`` up to a step: then the curve of the new run has its beginning."""
    copied = [run.metrics_path] if run.metrics_path.exists() else []
    for preview in run.previews():
        if preview.step <= step:
            copied += [preview.image, preview.image.with_suffix(".json")]
    for path in copied:
        shutil.copyfile(path, made.path / path.relative_to(run.path), follow_symlinks=False)
    made.rewind(step)


def find_set_aside(folder: Path, step: int | None) -> Checkpoint:
    """The checkpoint of ``step``, or the newest one, of those in ``folder`` that training went back behind.

    Where several are of that step, it is the one written last. Raises NoSuchCheckpointError that says which there are.
    """
    aside = list_set_aside(folder)
    fitting = [checkpoint for checkpoint in aside if step in (None, checkpoint.step)]
    if not fitting:
        steps = ", ".join(str(checkpoint.step) for checkpoint in aside) or "none"
        which = "checkpoint" if step is None else f"checkpoint of step {step}"
        raise NoSuchCheckpointError(f"No {which} lies aside in {folder}. Those that do: {steps}.")
    return fitting[-1]
