"""Which checkpoints stay: the newest ones, every M-th, and those that a person marked "keep for ever"."""

import shutil
import uuid
from pathlib import Path

from ddpm.checkpoint import MARK, Checkpoint, clear_leftovers, list_checkpoints
from ddpm.errors import CheckpointError


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


def prune(folder: Path, keep_newest: int, keep_every: int = 0) -> list[int]:
    """Delete whole checkpoints that nothing keeps, and the remains of unfinished writes.

    Kept are the ``keep_newest`` newest, those of steps that ``keep_every`` divides (0: none) and marked ones.
    Damaged ones stay, for a person to look at. Call it only after a new checkpoint is whole. Returns the steps
    deleted. Raises OSError.
    """
    clear_leftovers(folder)
    whole = [checkpoint for checkpoint in list_checkpoints(folder) if checkpoint.whole]
    deleted = []
    for checkpoint in whole[:-keep_newest]:
        if is_marked(checkpoint) or (keep_every and checkpoint.step % keep_every == 0):
            continue
        # Renamed first, so that a checkpoint is never seen half deleted.
        doomed = folder / f".pruned-{uuid.uuid4().hex}"
        checkpoint.path.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)
        deleted.append(checkpoint.step)
    return deleted


def _cannot(checkpoint: Checkpoint, error: OSError) -> CheckpointError:
    return CheckpointError(f"Cannot mark the checkpoint {checkpoint.path}: {error.strerror}.")
