"""The checkpoints of a run as a person chooses among them, without a screen."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from ddpm.checkpoint import Checkpoint, verify
from ddpm.errors import ConfigError
from ddpm.preview_file import preview_steps
from ddpm.retention import is_marked, would_delete
from ddpm.runs import Run
from studio import figures
from studio.long_job import LongJob, told_as

Identity = tuple[int, float]


@dataclass(frozen=True)
class ListedCheckpoint:
    """A checkpoint, whether it is kept for ever, the step of the preview nearest before it, and what hashing it found.

    ``verified`` is None while its hashes have not been compared, else what is wrong with it: "" for nothing.
    """

    checkpoint: Checkpoint
    kept: bool = False
    preview_step: int | None = None
    verified: str | None = None

    @property
    def step(self) -> int:
        return self.checkpoint.step

    @property
    def problem(self) -> str:
        return self.checkpoint.problem or self.verified or ""


@dataclass(frozen=True)
class CheckpointList:
    """All checkpoints of a run, newest first, whether it is in training, and the steps that pruning would delete."""

    listed: tuple[ListedCheckpoint, ...] = ()
    training: bool = False
    doomed: tuple[int, ...] = ()

    @property
    def freed(self) -> int:
        """Bytes that pruning now would free."""
        return sum(one.checkpoint.size for one in self.listed if one.step in self.doomed)

    def may_delete(self, one: ListedCheckpoint) -> bool:
        """Whether nobody needs it: the newest whole one of a run in training cannot be spared."""
        newest = next((other.step for other in self.listed if other.checkpoint.whole), None)
        return not (self.training and one.step == newest)

    def total(self) -> str:
        """How many there are, and the disk that they use."""
        if not self.listed:
            return ""
        whole = sum(not one.problem for one in self.listed)
        kept = sum(one.kept for one in self.listed)
        used = figures.size(sum(one.checkpoint.size for one in self.listed))
        words = f"{whole} whole of {len(self.listed)}" + (f", {kept} kept for ever" if kept else "")
        freed = f"pruning now would free {figures.size(self.freed)}" if self.doomed else "nothing to prune"
        return f"{words} · {used} on disk · {freed}"


class Verification:
    """The files of a checkpoint being read again and hashed."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.identity = identity(checkpoint)
        self.job = LongJob(lambda progress: verify(checkpoint, told_as(progress, "verifying")), figures.size)


def identity(checkpoint: Checkpoint) -> Identity:
    """What tells a checkpoint from one that was written later at the same step."""
    return checkpoint.step, checkpoint.time


def look(run: Run, verified: Mapping[Identity, str]) -> CheckpointList:
    """Read what there is; ``verified`` says what comparing hashes has found so far."""
    checkpoints = run.checkpoints()
    previews = preview_steps(run.previews_path)
    listed = []
    for checkpoint in reversed(checkpoints):
        before = bisect_right(previews, checkpoint.step)
        listed.append(
            ListedCheckpoint(
                checkpoint,
                is_marked(checkpoint),
                previews[before - 1] if before else None,
                verified.get(identity(checkpoint)),
            )
        )
    return CheckpointList(tuple(listed), run.is_training(), _doomed(run, checkpoints))


def _doomed(run: Run, checkpoints: list[Checkpoint]) -> tuple[int, ...]:
    try:
        train = run.config().train
    except ConfigError:
        return ()
    return tuple(one.step for one in would_delete(checkpoints, train.keep_checkpoints, train.keep_every))
