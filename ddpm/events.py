"""What a trainer says while it works."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor

    from ddpm.changes import Change
    from ddpm.checkpoint import Checkpoint
    from ddpm.config import Config

State = Literal["preparing", "running", "paused", "stopped", "finished", "failed"]


@dataclass(frozen=True)
class StateChanged:
    """The run began, paused, went on or ended, and why."""

    state: State
    step: int
    message: str = ""


@dataclass(frozen=True)
class StepDone:
    """An optimizer step is over, so ``step`` of them are done."""

    step: int
    images_seen: int


@dataclass(frozen=True)
class MetricsLogged:
    """Means over the steps since the last row.

    ``skipped`` of those steps are not in the means, as their loss was no number; where none is left, loss and
    grad_norm are None. ``seconds`` counts training time from the run's first step, across resumes, without pauses;
    ``memory`` is in bytes. ``loss_bins`` are the means of the images' losses, as they are trained on, in equal parts
    of the timesteps from 0 to T - 1; None where no image had such a timestep. ``held_out_loss`` is that of the
    averaged weights after this step, on images that are never trained on; None where it was not measured.
    """

    step: int
    images_seen: int
    loss: float | None
    grad_norm: float | None
    lr: float
    img_per_s: float
    seconds: float
    memory: dict[str, int] = field(default_factory=dict)
    skipped: int = 0
    loss_bins: list[float | None] = field(default_factory=list)
    held_out_loss: float | None = None


@dataclass(frozen=True)
class NonFinite:
    """The loss of step ``step`` or its gradient was no number, so that the step is over but changed no weight.

    It can be had again: its draws come from ``seed``, its images follow the first ``images_seen``, and ``changes``
    are those of the recipe. See ddpm.replay.
    """

    step: int
    loss: float
    grad_norm: float
    seed: int
    images_seen: int
    changes: "tuple[Change, ...]" = ()


@dataclass
class RollbackDue:
    """Training cannot go on from these weights, for a ``reason``; they are those of step ``learned``.

    Whoever puts earlier ones into the trainer sets ``done``; where nobody does, training ends with an error.
    """

    step: int
    learned: int
    reason: str
    done: bool = False


@dataclass(frozen=True)
class RolledBack:
    """Training went back from step ``step`` to ``back_to``, and goes on from there in another way."""

    step: int
    back_to: int
    words: str


@dataclass(frozen=True)
class PreviewProgress:
    """``done`` of ``total`` denoising steps of a preview."""

    step: int
    done: int
    total: int


@dataclass(frozen=True)
class PreviewDrawn:
    """Samples as uint8 [N, C, H, W], and the recipe that drew them."""

    step: int
    images: "Tensor"
    recipe: dict[str, Any]


@dataclass(frozen=True)
class CheckpointDue:
    """Everything that a resume needs: named groups of tensors, and numbers.

    The tensors are the trainer's own, not copies: use or copy them before asking for the next event.
    """

    step: int
    tensors: dict[str, dict[str, "Tensor"]]
    state: dict[str, Any]
    reason: Literal["interval", "asked", "end"]


@dataclass(frozen=True)
class CheckpointSaved:
    """The checkpoint of step ``step`` is whole and on disk; training may be some steps further by now."""

    step: int
    checkpoint: "Checkpoint"
    reason: Literal["interval", "asked", "end"]


@dataclass(frozen=True)
class SnapshotDue:
    """Averages to keep for good, by name, each with its length. The tensors are the trainer's own, not copies."""

    step: int
    tensors: dict[str, dict[str, "Tensor"]]
    lengths: dict[str, float]


@dataclass(frozen=True)
class SnapshotSaved:
    """The averages of step ``step`` are on disk, to be kept for good."""

    step: int


@dataclass
class RecipeChanged:
    """From step ``step`` on the recipe is ``config``; ``words`` say what changed, as ``lr 0.001 -> 0.0005``.

    Whoever stores the recipe and cannot sets ``refused``: the trainer then goes on by the one before.
    """

    step: int
    config: "Config"
    words: str
    refused: bool = False


@dataclass(frozen=True)
class Noted:
    """Words that a person wants to find in the run's events."""

    step: int
    words: str


@dataclass(frozen=True)
class Warned:
    """Something is not as it should be, and training goes on."""

    step: int
    message: str


@dataclass(frozen=True)
class Idle:
    """Paused and waiting: a sign of life."""

    step: int


Event = (
    StateChanged
    | StepDone
    | MetricsLogged
    | NonFinite
    | RollbackDue
    | RolledBack
    | PreviewProgress
    | PreviewDrawn
    | CheckpointDue
    | CheckpointSaved
    | SnapshotDue
    | SnapshotSaved
    | RecipeChanged
    | Noted
    | Warned
    | Idle
)
