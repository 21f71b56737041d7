"""Which checkpoints stay: the newest ones, every M-th, and those that a person marked "keep for ever"."""

import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ddpm import run_lock
from ddpm.checkpoint import MARK, Checkpoint, clear_leftovers, look_at, steps_of
from ddpm.errors import CheckpointError, RunError
from ddpm.files import remove_folder
from ddpm.progress import Told, untold
from ddpm.runs import Run


def is_marked(checkpoint: Checkpoint) -> bool:
    """Whether this checkpoint is to be kept for ever."""
    return (checkpoint.path / MARK).exists()


def mark(checkpoint: Checkpoint) -> None:
    """Keep this checkpoint for ever: until a person deletes it. Raises CheckpointError."""
    try:
        (checkpoint.path / MARK).touch()
    except OSError as error:
        raise _cannot(checkpoint, error) from None


def unmark(checkpoint: Checkpoint) -> None:
    """Let this checkpoint be deleted when newer ones are there. Raises CheckpointError."""
    try:
        (checkpoint.path / MARK).unlink(missing_ok=True)
    except OSError as error:
        raise _cannot(checkpoint, error) from None


def would_delete(
    checkpoints: Sequence[Checkpoint], keep_newest: int, keep_every: int = 0
) -> list[Checkpoint]:
    """Those of ``checkpoints``, by step, that nothing keeps.

    Kept are the ``keep_newest`` newest whole ones, those of steps that ``keep_every`` divides (0: none), marked ones,
    and damaged ones, for a person to look at.
    """
    whole = [checkpoint for checkpoint in checkpoints if checkpoint.whole]
    return [
        checkpoint
        for checkpoint in whole[:-keep_newest]
        if not (is_marked(checkpoint) or (keep_every and checkpoint.step % keep_every == 0))
    ]


def prune(folder: Path, keep_newest: int, keep_every: int = 0, told: Told = untold) -> list[int]:
    """Delete the checkpoints that ``would_delete`` names, and the remains of unfinished writes.

    ``told`` hears of the checkpoints; each is deleted whole or stays. Call it only after a new checkpoint is whole.
    Returns the steps deleted. Raises OSError.
    """
    clear_leftovers(folder)
    doomed = would_delete(_in_question(folder, keep_newest, keep_every), keep_newest, keep_every)
    for done, checkpoint in enumerate(doomed):
        told(done, len(doomed))
        _remove(checkpoint)
    return [checkpoint.step for checkpoint in doomed]


def _in_question(folder: Path, keep_newest: int, keep_every: int) -> list[Checkpoint]:
    """The newest whole checkpoints and, of those before them, the ones that their steps do not keep; by step.

    The others are not opened: after a million steps there may be thousands, and this is done at each new one.
    """
    found: list[Checkpoint] = []
    whole = 0
    for step, name in reversed(steps_of(folder)):
        if whole >= keep_newest and keep_every and step % keep_every == 0:
            continue
        found.insert(0, look_at(folder / name, step))
        whole += found[0].whole
    return found


def prune_run(run: Run, told: Told = untold) -> list[int]:
    """``prune`` a run by its own recipe, while nobody trains it. Returns the steps deleted. Raises RunError."""
    train = run.config().train
    with run_lock.held(run.lock_path, "It deletes old checkpoints itself."):
        try:
            return prune(run.checkpoints_path, train.keep_checkpoints, train.keep_every, told)
        except OSError as error:
            raise CheckpointError(
                f"Cannot delete old checkpoints in {run.checkpoints_path}: {error.strerror}."
            ) from None


def delete(run: Run, checkpoint: Checkpoint, told: Told = untold) -> None:
    """Delete one checkpoint of a run for good, marked or not; nobody begins to train the run meanwhile.

    ``told`` hears of its files. Once one is gone the checkpoint is: what is left where ``told`` ends it goes with
    the next ``prune``, after the next checkpoint.

    Raises CheckpointError where it is gone already, cannot be deleted, or is the newest whole one of a run in
    training, which would be lost without it.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(run_lock.held(run.lock_path))
        except RunError:
            # A trainer deletes none but older ones, so that whatever it does meanwhile the newest whole one stays.
            _refuse_newest(run, checkpoint)
        try:
            _remove(checkpoint, told)
        except OSError as error:
            raise CheckpointError(
                f"Cannot delete the checkpoint {checkpoint.path}: {error.strerror}."
            ) from None


def _refuse_newest(run: Run, checkpoint: Checkpoint) -> None:
    whole = [other for other in run.checkpoints() if other.whole]
    if whole and whole[-1].path == checkpoint.path:
        raise CheckpointError(
            f"Step {checkpoint.step} is the newest whole checkpoint of {run.name}, which is training: without it an "
            "interruption would cost all since the one before. Delete it when there is a newer one."
        )


def _remove(checkpoint: Checkpoint, told: Told = untold) -> None:
    # Renamed first, so that a checkpoint is never seen half deleted.
    doomed = checkpoint.path.with_name(f".pruned-{uuid.uuid4().hex}")
    checkpoint.path.rename(doomed)
    # A mark inside would keep the remains from being cleared away later, if this is interrupted.
    (doomed / MARK).unlink(missing_ok=True)
    remove_folder(doomed, told)


def _cannot(checkpoint: Checkpoint, error: OSError) -> CheckpointError:
    return CheckpointError(f"Cannot mark the checkpoint {checkpoint.path}: {error.strerror}.")
