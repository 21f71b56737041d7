"""Where the numbers are crunched: which device, in which precision, and how much memory it has."""

import os
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
import torch

from ddpm.errors import DeviceError, MemoryFullError
from ddpm.sizes import size

# Of the container that this process sees as its system: control groups, version 2.
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def pick_device(name: str) -> torch.device:
    """The device that a recipe names; "auto" is CUDA, else MPS, else the CPU.

    Raises DeviceError when this machine does not have it.
    """
    if name == "auto":
        kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(kind)
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise DeviceError(
            f"The device {name!r} was asked for, but PyTorch {torch.__version__} finds no usable NVIDIA GPU here. "
            "Check the driver with nvidia-smi, or use the device cpu (or auto)."
        )
    if name == "mps" and not torch.backends.mps.is_available():
        raise DeviceError(
            "The device 'mps' was asked for, but this is no Mac with Metal. Use the device cpu (or auto)."
        )
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(
            f"There is no device {name!r}: it should be auto, cpu, mps, cuda or cuda:N."
        ) from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        last = torch.cuda.device_count() - 1
        raise DeviceError(f"The device {name!r} was asked for, but the GPUs here are cuda:0 to cuda:{last}.")
    return device


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """The type that the network computes in; its weights stay float32.

    "auto" is bfloat16 where the device multiplies it in hardware, else float32. With it the presets' networks
    train 1.4 to 1.6 times faster on a CPU with AVX-512 BF16, and slower on one without.
    """
    if name == "auto":
        return torch.bfloat16 if _multiplies_bfloat16(device) else torch.float32
    return torch.bfloat16 if name == "bfloat16" else torch.float32


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    # torch asks the processor but has no public name for the answer.
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and supported is not None and bool(supported())


def describe_device(device: torch.device) -> str:
    """A name for people, such as "NVIDIA H200 (cuda:0)" or "CPU, 2 threads"."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} (cuda:{device.index or 0})"
    if device.type == "mps":
        return "Apple GPU (mps)"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread" + ("s" if threads > 1 else "")


@contextmanager
def out_of_memory_told(remedy: str) -> Iterator[None]:
    """Turn an error that says that memory is used up into a MemoryFullError with a remedy."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryFullError(_memory_sentence(error, remedy)) from None


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error is one of the several ways in which torch and its libraries say that memory is used up."""
    # The allocators of the CPU and of MPS, cuBLAS and cuDNN raise no class of their own.
    said = ("can't allocate memory", "out of memory", "ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        words in str(error) for words in said
    )


def _memory_sentence(error: Exception, remedy: str) -> str:
    said = textwrap.shorten(str(error), 160) or "no more memory"
    return f"The memory of the device is used up ({said}). Use {remedy}."


class DeviceMemory(NamedTuple):
    """Bytes of memory that a device has, and that nobody uses now."""

    total: int
    free: int

    def __str__(self) -> str:
        return f"{size(self.total)}, {size(self.free)} free"


def device_memory(device: torch.device) -> DeviceMemory:
    """The memory of a device, as used by all its processes; of a CPU, the machine's or what its container may have."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return DeviceMemory(total, free)
    if device.type == "mps":
        total = torch.mps.recommended_max_memory()
        return DeviceMemory(total, max(0, total - torch.mps.driver_allocated_memory()))
    memory = psutil.virtual_memory()
    total = min(memory.total, _container_limit())
    return DeviceMemory(total, min(memory.available, total))


def _container_limit() -> int:
    """Where the kernel ends a process in a container, in bytes; without bounds where it says none."""
    try:
        return int(_CGROUP_LIMIT.read_text())
    except (OSError, ValueError):  # no Linux, no container, or the word "max"
        return sys.maxsize


def memory_figures(device: torch.device) -> dict[str, int]:
    """Memory in bytes: allocated, reserved and total of a CUDA device, else of this process and the machine."""
    if device.type == "cuda":
        return {
            "allocated": torch.cuda.memory_allocated(device),
            "reserved": torch.cuda.memory_reserved(device),
            "total": torch.cuda.get_device_properties(device).total_memory,
        }
    figures = {
        "process": int(psutil.Process(os.getpid()).memory_info().rss),
        "machine": int(psutil.virtual_memory().total),
    }
    if device.type == "mps":
        figures["allocated"] = torch.mps.current_allocated_memory()
    return figures
