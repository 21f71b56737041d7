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
    step = row.get("step")
    if row.get("kind") != "non-finite" or not isinstance(step, int):
        raise RunError(
            f"An event of the kind {row.get('kind')!r} cannot be replayed, only one of non-finite."
        )
    # As the recipe was then: going back to a checkpoint has changed it since.
    then = {"changes": row.get("changes", []), "previews": {"every": 0}}
    config = run.config().with_values(then, "the event")
    earlier = (each for each in reversed(run.checkpoints()) if each.step < step and each.whole)
    checkpoint = next((each for each in earlier if not checkpoints.verify(each)), None)
    trainer, _ = ready_trainer(config, data_root, checkpoint)
    for event in trainer.run():
        if isinstance(event, NonFinite) and event.step == step:
            return trainer, event
        if trainer.step >= step:
            break
    return trainer, None
