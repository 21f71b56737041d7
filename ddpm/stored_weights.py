"""Which weights of a checkpoint to draw from: those of the last step, an average, or an average made now."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddpm.averaging import MADE, reconstruct
from ddpm.checkpoint import Checkpoint, load, weights_in
from ddpm.errors import CheckpointError, NoSuchCheckpointError
from ddpm.progress import Told, untold

if TYPE_CHECKING:
    from torch import Tensor


def read_weights(
    checkpoint: Checkpoint, name: str, snapshots: Path, told: Told = untold
) -> "tuple[dict[str, Tensor], dict[str, Any]]":
    """The weights of that name, on the CPU, and the state of a checkpoint.

    ``raw`` are those of the last step, ``ema`` their average, ``ema-0.9999`` and ``power-0.05`` further averages
    that the run stores, ``post-hoc-0.08`` one of that length, made from the ``snapshots`` of the run. ``told``
    hears of the bytes that are read. Raises CheckpointError that says which there are.
    """
    if name.startswith(MADE):
        try:
            weights = reconstruct(checkpoint, snapshots, float(name.removeprefix(MADE)), told)
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise CheckpointError(f"Weights named {name} cannot be made: {error}.") from None
        return weights, load(checkpoint)[1]
    stem = "model" if name == "raw" else name
    stored = (checkpoint.path / f"{stem}.safetensors").exists() or not checkpoint.path.exists()
    if not stored and name not in ("raw", "ema"):
        raise NoSuchCheckpointError(
            f"There are no weights named {name} in {checkpoint.path}: there are {', '.join(weights_in(checkpoint))}. "
            "Further averages are stored when a run is trained with train.ema_more_decays or train.ema_lengths."
        )
    tensors, state = load(checkpoint, stem, told=told)
    return tensors[stem], state
