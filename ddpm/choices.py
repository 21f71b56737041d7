"""What is chosen per device for speed, and why: one table for the code and for people.

None of it changes a result but for its rounding, and the same choice is made again by whoever resumes. What was
measured stands in benchmarks/NOTES.md.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ddpm.device import pick_precision

# Up to so many pixels a bfloat16 CPU trains attention faster through all weights at once than block by block.
_FEW_PIXELS = 256


@dataclass(frozen=True)
class Choice:
    """One thing chosen for a device: what it concerns, what is done, why, and whether a measurement says so."""

    subject: str
    chosen: str
    why: str
    measured: bool


def layout_for(features: Tensor) -> torch.memory_format:
    """The order in which the network keeps feature maps [B, C, H, W] such as this one.

    Channels-last on a CPU in float32, whose convolutions are faster in it. Not in bfloat16: there GroupNorm loses
    what convolutions gain. On other devices torch's own order: nothing else was measured.
    """
    return _layout(features.device, features.dtype)


def _layout(device: torch.device, dtype: torch.dtype) -> torch.memory_format:
    last = device.type == "cpu" and dtype == torch.float32
    return torch.channels_last if last else torch.contiguous_format


def all_weights_at_once(query: Tensor) -> bool:
    """Whether attention with queries [B, heads, H*W, C] is faster with all its weights in memory.

    torch's own kernels compute a small map on a bfloat16 CPU in float32, or go back through it block by block.
    """
    small = query.shape[-2] <= _FEW_PIXELS and query.dtype == torch.bfloat16
    return small and query.device.type == "cpu" and query.requires_grad


def laid_out_for_attention(heads: Tensor) -> Tensor:
    """Queries, keys or values [B, heads, H*W, C], so that torch takes its faster kernel for them.

    Only with the features of a pixel side by side does it work block by block, without holding H*W x H*W weights.
    """
    return heads if heads.stride(-1) == 1 else heads.contiguous()


def pick_compile(name: str, device: torch.device) -> bool:
    """Whether the network of a step is compiled; ``name`` is train.compile.

    "auto" is off on every device: on a CPU it was measured not to pay for itself, and on GPUs nothing was measured.
    """
    return name == "on"


def with_cuda_graphs(device: torch.device, *, whole: bool) -> bool:
    """Whether a compiled network is replayed as CUDA graphs: where ``whole`` batches go through it at once.

    Gradients of several parts add up in memory that the next replay writes over.
    """
    return device.type == "cuda" and whole


def choices(device: torch.device) -> list[Choice]:
    """Everything that ``auto`` and this page choose for a device."""
    return [*_arithmetic(device), *_memory(device), _compilation(device), *_of_cuda(device)]


def _arithmetic(device: torch.device) -> list[Choice]:
    dtype = pick_precision("auto", device)
    cpu = device.type == "cpu"
    if dtype == torch.bfloat16:
        why = "it multiplies bfloat16 in hardware" + (", 1.6 times as fast a step as float32" if cpu else "")
    else:
        why = "it does not multiply bfloat16 in hardware"
    fused = Choice(
        "optimizer",
        "one kernel for AdamW, one list for each average",
        "a small network has many small tensors",
        cpu,
    )
    return [Choice("precision", str(dtype).removeprefix("torch."), why, cpu), fused]


def _memory(device: torch.device) -> list[Choice]:
    dtype, cpu = pick_precision("auto", device), device.type == "cpu"
    if _layout(device, dtype) == torch.channels_last:
        layout = Choice("layout", "channels last", "convolutions in float32 are faster in it", True)
    elif cpu:
        layout = Choice(
            "layout", "channels first", "channels last, GroupNorm loses what convolutions gain", True
        )
    else:
        layout = Choice("layout", "channels first", "torch's own", False)
    if cpu and dtype == torch.bfloat16:
        attention = f"all weights at once up to {_FEW_PIXELS} pixels in training, else by blocks"
        return [layout, Choice("attention", attention, "1.3 to 3.6 times as fast at 64 to 256 pixels", True)]
    return [layout, Choice("attention", "by blocks", "it needs no memory for all weights", cpu)]


def _compilation(device: torch.device) -> Choice:
    if device.type == "cpu":
        return Choice("compile", "off", "it took minutes, and a step was no faster", True)
    return Choice(
        "compile", "off", "no gain is known here; --train.compile on tries, with CUDA graphs on CUDA", False
    )


def _of_cuda(device: torch.device) -> list[Choice]:
    if device.type != "cuda":
        return []
    return [
        Choice(
            "cuDNN", "takes its usual algorithms", "a race between them would not resume bit for bit", False
        ),
        Choice("TF32", "as torch has it: for convolutions in float32", "products stay exact", False),
        Choice("transfers", "from pinned memory, not waited for", "images of a stream come meanwhile", False),
    ]
