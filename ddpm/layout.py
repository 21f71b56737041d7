"""How the numbers of feature maps lie in memory: chosen per device by what was measured, see benchmarks/NOTES.md.

It changes the rounding of a result and nothing else; the weights always lie as torch makes them.
"""

import torch
from torch import Tensor

from ddpm.device import pick_precision

# Up to so many pixels a bfloat16 CPU is faster back through all weights of attention than block by block.
_FEW_PIXELS = 128


def layout_for(features: Tensor) -> torch.memory_format:
    """The order in which the network keeps feature maps [B, C, H, W] such as this one.

    Channels-last on a CPU in float32, whose convolutions are faster in it. Not in bfloat16: there GroupNorm's way
    back loses more than convolutions gain. On other devices torch's own order: nothing else was measured.
    """
    return _layout(features.device, features.dtype)


def _layout(device: torch.device, dtype: torch.dtype) -> torch.memory_format:
    last = device.type == "cpu" and dtype == torch.float32
    return torch.channels_last if last else torch.contiguous_format


def laid_out_for_attention(heads: Tensor) -> Tensor:
    """Queries, keys or values [B, heads, H*W, C], so that torch takes its faster kernel for them.

    Only with the features of a pixel side by side does it work block by block, without holding H*W x H*W weights.
    """
    few = heads.shape[-2] <= _FEW_PIXELS
    if heads.device.type == "cpu" and heads.dtype == torch.bfloat16 and few and heads.requires_grad:
        return heads
    return heads if heads.stride(-1) == 1 else heads.contiguous()


def describe_choices(device: torch.device) -> str:
    """What ``auto`` comes to on a device, such as "computes in float32, channels last"."""
    dtype = pick_precision("auto", device)
    order = "last" if _layout(device, dtype) == torch.channels_last else "first"
    return f"computes in {str(dtype).removeprefix('torch.')}, channels {order}"
