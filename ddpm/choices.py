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


def pick_compile(name: str) -> bool:
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
    dtype = pick_precision("auto", device)
    everywhere = [_precision(device, dtype), _layout_told(device, dtype), _attention(device, dtype)]
    everywhere += [_compilation(device), _optimizer(device)]
    return everywhere + (_OF_CUDA if device.type == "cuda" else [])


def _precision(device: torch.device, dtype: torch.dtype) -> Choice:
    name = str(dtype).removeprefix("torch.")
    if device.type == "mps":
        return Choice("precision", name, "nothing else was tried", False)
    if dtype == torch.float32:
        return Choice("precision", name, "it does not multiply bfloat16 in hardware", device.type == "cpu")
    if device.type == "cpu":
        return Choice("precision", name, "a step is 1.6 times as fast as in float32", True)
    return Choice("precision", name, "it multiplies bfloat16 in hardware", False)


def _layout_told(device: torch.device, dtype: torch.dtype) -> Choice:
    if device.type != "cpu":
        return Choice("layout", "channels first", "torch's own", False)
    if _layout(device, dtype) == torch.channels_last:
        return Choice("layout", "channels last", "convolutions in float32 are faster in it", True)
    return Choice("layout", "channels first", "channels last, GroupNorm loses what convolutions gain", True)


def _attention(device: torch.device, dtype: torch.dtype) -> Choice:
    if device.type == "cpu" and dtype == torch.bfloat16:
        chosen = f"all weights at once up to {_FEW_PIXELS} pixels in training, else by blocks"
        return Choice("attention", chosen, "1.3 to 3.6 times as fast at 64 to 256 pixels", True)
    return Choice("attention", "by blocks", "it needs no memory for all weights", device.type == "cpu")


def _compilation(device: torch.device) -> Choice:
    chosen = "on" if pick_compile("auto") else "off"
    if device.type == "cpu":
        return Choice("compile", chosen, "it took minutes, and a step was no faster", True)
    graphs = ", with CUDA graphs" if device.type == "cuda" else ""
    return Choice("compile", chosen, f"no gain is known; train.compile on tries it{graphs}", False)


def _optimizer(device: torch.device) -> Choice:
    chosen = "AdamW in one kernel, each average in one pass over a list"
    return Choice("optimizer", chosen, "a small network has many small tensors", device.type == "cpu")


_OF_CUDA = [
    Choice("cuDNN", "its usual algorithms", "a race between them would not resume bit for bit", False),
    Choice("TF32", "as torch has it: in convolutions, not in products", "it concerns float32 alone", False),
    Choice("transfers", "from pinned memory, not waited for", "they need not wait for earlier steps", False),
]
