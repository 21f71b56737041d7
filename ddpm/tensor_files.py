"""Safetensors files: written without copies, read without surprises, or refused: anybody may have written them."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.sizes import size

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


# The types of numbers by their names in the format, in the order in which it keeps tensors: widest first.
_TYPES = {
    "int64": "I64",
    "float64": "F64",
    "float32": "F32",
    "int32": "I32",
    "bfloat16": "BF16",
    "float16": "F16",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}


def file_parts(named: "dict[str, Tensor]") -> Iterator[memoryview | bytes]:
    """The content of a safetensors file of named tensors, part by part, so that no second copy of it is made.

    The library's own function makes two, and holds up all threads of the program meanwhile. Raises KeyError for a
    type of numbers that is not stored.
    """
    order = list(_TYPES)
    types = {name: str(tensor.dtype).removeprefix("torch.") for name, tensor in named.items()}
    names = sorted(named, key=lambda name: (order.index(types[name]), name))
    header, end = {}, 0
    for name in names:
        begin, end = end, end + named[name].numel() * named[name].element_size()
        header[name] = {
            "dtype": _TYPES[types[name]],
            "shape": list(named[name].shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for name in names:
        yield _bytes_of(named[name])


def _bytes_of(tensor: "Tensor") -> memoryview:
    import torch

    return tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data


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
        raise ValueError(f"{path.name} has {size(status.st_size)}, and {size(free)} of memory are free")
    try:
        return load(path.read_bytes())
    except (SafetensorError, ArithmeticError, LookupError, RuntimeError, TypeError) as error:
        raise ValueError(f"{path.name} is not a whole safetensors file: {error}") from None
