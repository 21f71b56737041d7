"""The names of our U-Net's weights and those of diffusers' UNet2DModel: one table, read in both directions."""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ddpm.errors import ExchangeError

# Where a layer lies in the network: ours as a pattern, theirs.
PLACES = (
    (r"time\.hidden", "time_embedding.linear_1"),
    (r"time\.out", "time_embedding.linear_2"),
    (r"input", "conv_in"),
    (r"norm", "conv_norm_out"),
    (r"output", "conv_out"),
    (r"(down|up)\.(\d+)\.blocks\.(\d+)", r"\1_blocks.\2.resnets.\3"),
    (r"(down|up)\.(\d+)\.attentions\.(\d+)", r"\1_blocks.\2.attentions.\3"),
    (r"down\.(\d+)\.downsample", r"down_blocks.\1.downsamplers.0"),
    (r"up\.(\d+)\.upsample", r"up_blocks.\1.upsamplers.0"),
    (r"middle_in", "mid_block.resnets.0"),
    (r"middle_attention", "mid_block.attentions.0"),
    (r"middle_out", "mid_block.resnets.1"),
)

# The layers of a block or an attention. Queries, keys and values are one layer here and three there.
LAYERS = {
    "": ("",),
    ".norm_in": (".norm1",),
    ".conv_in": (".conv1",),
    ".time": (".time_emb_proj",),
    ".norm_out": (".norm2",),
    ".conv_out": (".conv2",),
    ".skip": (".conv_shortcut",),
    ".conv": (".conv",),
    ".norm": (".group_norm",),
    ".query_key_value": (".to_q", ".to_k", ".to_v"),
    ".out": (".to_out.0",),
}

# What diffusers called the layers of an attention before version 0.15, in files that are still about.
OLD_NAMES = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}


def their_names(name: str) -> tuple[str, ...]:
    """The names in a UNet2DModel of what is one tensor of our U-Net. Raises KeyError where it has no such layer."""
    for pattern, place in PLACES:
        match = re.fullmatch(f"{pattern}(?P<layer>.*)\\.(?P<kind>weight|bias)", name)
        if match and match["layer"] in LAYERS:
            return tuple(f"{match.expand(place)}{layer}.{match['kind']}" for layer in LAYERS[match["layer"]])
    raise KeyError(name)


def to_diffusers(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our weights under the names and in the shapes of a UNet2DModel. Raises KeyError where it has no such layer."""
    theirs: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        names = their_names(name)
        # Their attention has matrices [C, C] where ours has 1x1 convolutions [C, C, 1, 1].
        matrix = tensor.flatten(1) if ".attentions." in names[0] and tensor.ndim == 4 else tensor
        theirs.update(zip(names, matrix.chunk(len(names)), strict=True))
    return {name: tensor.contiguous() for name, tensor in theirs.items()}


def from_diffusers(
    theirs: Mapping[str, Tensor], shapes: Mapping[str, torch.Size], origin: Path
) -> dict[str, Tensor]:
    """The weights of a UNet2DModel as ours, in float32, with the names and ``shapes`` of our network.

    Raises ExchangeError where one is missing, has another shape, or is left over.
    """
    left = {_new_name(name): tensor for name, tensor in theirs.items()}
    ours: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        names = their_names(name)
        missing = [wanted for wanted in names if wanted not in left]
        if missing:
            raise ExchangeError(f"The weights in {origin} lack {missing[0]}, which its config.json promises.")
        tensor = torch.cat([left.pop(wanted) for wanted in names])
        if tensor.numel() != shape.numel() or tensor.shape[0] != shape[0]:
            raise ExchangeError(
                f"{' + '.join(names)} in {origin} has the shape {list(tensor.shape)}, but its config.json "
                f"asks for {list(shape)}."
            )
        ours[name] = tensor.reshape(shape).float()
    if left:
        raise ExchangeError(
            f"The weights in {origin} hold {min(left)}, which its config.json does not tell of."
        )
    return ours


def cosines_first(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our weights for a time embedding whose cosines come before its sines (diffusers' flip_sin_to_cos)."""
    hidden = weights["time.hidden.weight"]
    return {**weights, "time.hidden.weight": torch.cat(hidden.chunk(2, dim=1)[::-1], dim=1)}


def _new_name(name: str) -> str:
    for old, new in OLD_NAMES.items():
        if ".attentions." in name and old in name:
            return name.replace(old, new)
    return name
