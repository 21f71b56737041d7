"""Safetensors files that anybody may have written: read without surprises, or refused."""

import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
WHY_NOT_A_PICKLE = (
    "is a pickle, which may run any program when it is opened, so it is not. Where it comes from, save its tensors "
    "with safetensors instead; a diffusers pipeline saves them so with save_pretrained(..., safe_serialization=True), "
    "and ddpm-studio import takes it in"
)


def is_pickle(name: str | Path) -> bool:
    """Whether a file is one of those that PyTorch pickles into, by its name."""
    return Path(name).suffix.lower() in PICKLES


def read_tensors(path: Path) -> dict[str, "Tensor"]:
    """All tensors of a safetensors file, on the CPU. Nothing in it is run, and no more is read than is there.

    Raises OSError where it cannot be read, ValueError that says why where it is not such a file or is larger than
    the memory that is free.
    """
    import psutil
    from safetensors import SafetensorError
    from safetensors.torch import load

    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{path.name} is no file")
    free = psutil.virtual_memory().available
    if status.st_size > free:
        raise ValueError(
            f"{path.name} has {status.st_size / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB of memory are free"
        )
    try:
        return load(path.read_bytes())
    except (SafetensorError, ArithmeticError, LookupError, RuntimeError, TypeError) as error:
        raise ValueError(f"{path.name} is not a whole safetensors file: {error}") from None
