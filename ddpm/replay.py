"""A step whose loss was no number, trained again to be looked at."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddpm import checkpoint as checkpoints
from ddpm.errors import RunError
from ddpm.events import NonFinite
from ddpm.runs import Run
from ddpm.session import ready_trainer

if TYPE_CHECKING:
    from ddpm.trainer import Trainer


def replay(run: Run, row: dict[str, Any], data_root: Path) -> "tuple[Trainer, NonFinite | None]":
    """Train a run up to a "non-finite" row of its events, from the newest checkpoint before it; nothing is written.

    Returns the trainer, which holds weights and images of that step, and what it found there: on the same device
    the same as the row says, None where the loss is a number this time. Raises RunError for any other row.
    """
    if row.get("kind") != "non-finite":
        raise RunError(
            f"An event of the kind {row.get('kind')!r} cannot be replayed, only one of non-finite."
        )
    # As the recipe was then: going back to a checkpoint has changed it since.
    config = run.config().with_values({"changes": row["changes"], "previews": {"every": 0}}, "the event")
    before = [each for each in run.checkpoints() if each.step < row["step"] and not checkpoints.verify(each)]
    trainer, _ = ready_trainer(config, data_root, before[-1] if before else None)
    found = None
    for event in trainer.run():
        if isinstance(event, NonFinite):
            found = event
        if trainer.step == row["step"]:
            break
    return trainer, found if found and found.step == row["step"] else None
