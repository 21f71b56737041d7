"""A run of its own that begins at a checkpoint of another one: to try something else from there, or to keep it."""

from pathlib import Path

from ddpm.checkpoint import Checkpoint, list_set_aside, load, save
from ddpm.errors import NoSuchCheckpointError, RunError
from ddpm.runs import Run, Status, create_run


def branch(root: Path, name: str, run: Run, checkpoint: Checkpoint) -> Run:
    """Make a run below ``root`` with the recipe of ``run`` and a copy of one checkpoint, hashes compared.

    It can be drawn from and trained on; the other run is left as it is. Raises CheckpointError where the checkpoint
    is damaged or gone, RunError where the name is taken or the place cannot be written.
    """
    stems = [path.stem for path in sorted(checkpoint.path.glob("*.safetensors"))]
    tensors, state = load(checkpoint, *stems)
    config = run.config()
    made = create_run(root, name, config)
    words = f"branched from {run.name} at step {checkpoint.step}"
    try:
        save(made.checkpoints_path, checkpoint.step, tensors, state)
        made.record("branched", checkpoint.step, words)
        made.write_status(
            Status(state="stopped", step=checkpoint.step, steps=config.train.steps, message=words)
        )
    except OSError as error:
        made.delete()
        raise RunError(f"Cannot write the run {made.path}: {error.strerror}.") from None
    return made


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
