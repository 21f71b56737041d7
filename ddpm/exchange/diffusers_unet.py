"""The network of a recipe as the json of diffusers' UNet2DModel, and back; what the other lacks is refused."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ddpm import unet
from ddpm.attention import SelfAttention
from ddpm.config import Config, ModelConfig
from ddpm.errors import ExchangeError

# What a UNet2DModel is where its json does not say.
DEFAULTS: dict[str, Any] = {
    "sample_size": None,
    "in_channels": 3,
    "out_channels": 3,
    "center_input_sample": False,
    "time_embedding_type": "positional",
    "time_embedding_dim": None,
    "freq_shift": 0,
    "flip_sin_to_cos": True,
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
    "mid_block_type": "UNetMidBlock2D",
    "up_block_types": ("AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
    "block_out_channels": (224, 448, 672, 896),
    "layers_per_block": 2,
    "mid_block_scale_factor": 1,
    "downsample_padding": 1,
    "downsample_type": "conv",
    "upsample_type": "conv",
    "dropout": 0.0,
    "act_fn": "silu",
    "attention_head_dim": 8,
    "norm_num_groups": 32,
    "attn_norm_num_groups": None,
    "norm_eps": 1e-5,
    "resnet_time_scale_shift": "default",
    "add_attention": True,
    "class_embed_type": None,
    "num_class_embeds": None,
}

# Where ours has less to choose from.
ALLOWED: dict[str, tuple[Any, ...]] = {
    "center_input_sample": (False,),
    "time_embedding_type": ("positional",),
    "freq_shift": (0, 1),
    "mid_block_type": ("UNetMidBlock2D",),
    "mid_block_scale_factor": (1,),
    "downsample_padding": (0, 1),
    "downsample_type": ("conv",),
    "upsample_type": ("conv",),
    "act_fn": ("silu", "swish"),
    "resnet_time_scale_shift": ("default",),
    "class_embed_type": (None,),
}


def unet_json(config: Config) -> dict[str, Any]:
    """The UNet2DModel that computes what the recipe's network does, told no class.

    Raises ExchangeError with the reason where there is none.
    """
    model = config.model
    with torch.device("meta"):
        network = unet.build(config)
    _refuse_what_they_lack(config)
    attended = [level in model.full_attention_levels for level in range(len(model.dim_mults))]
    return {
        "_class_name": "UNet2DModel",
        "sample_size": list(config.data.shape[1:]),
        "in_channels": config.channels,
        "out_channels": config.channels_out,
        "freq_shift": model.time_frequency_shift,
        "flip_sin_to_cos": False,
        "down_block_types": ["AttnDownBlock2D" if yes else "DownBlock2D" for yes in attended],
        "up_block_types": ["AttnUpBlock2D" if yes else "UpBlock2D" for yes in reversed(attended)],
        "block_out_channels": [model.dim * multiple for multiple in model.dim_mults],
        "layers_per_block": model.blocks_per_level,
        "downsample_padding": 1 if model.downsample_padding == "both" else 0,
        "dropout": model.dropout,
        "act_fn": "silu",
        "add_attention": model.middle_attention,
        "attention_head_dim": _head_dim(network),
        "norm_num_groups": _norm_groups(network, model),
        "norm_eps": model.norm_eps,
    }


def _refuse_what_they_lack(config: Config) -> None:
    model = config.model
    if model.block != "resnet":
        raise _not_theirs(f"it has no {model.block} blocks (model.block)")
    if model.linear_attention_levels:
        raise _not_theirs("it has no linear attention (model.linear_attention_levels)")
    if model.dim_mults[0] != 1:
        raise _not_theirs(
            f"its first level has dim channels, and model.dim_mults begins with {model.dim_mults[0]}"
        )
    height, width = config.data.shape[1:]
    multiple = 2 ** (len(model.dim_mults) - 1)
    if height % multiple or width % multiple:
        raise _not_theirs(
            f"with {len(model.dim_mults)} levels it takes heights and widths that {multiple} divides, not "
            f"{height}x{width}"
        )


def _norm_groups(network: nn.Module, model: ModelConfig) -> int:
    norms = [layer for layer in network.modules() if isinstance(layer, nn.GroupNorm)]
    groups = {norm.num_groups for norm in norms}
    if len(groups) > 1:
        raise _not_theirs(
            "it has one number of groups for every GroupNorm, and this network has "
            f"{' and '.join(map(str, sorted(groups)))}; one of the same widths, trained with "
            f"model.norm_groups {_common_groups(norms, model)}, can be exported"
        )
    return groups.pop()


def _common_groups(norms: Sequence[nn.GroupNorm], model: ModelConfig) -> int:
    """The most groups, up to those of the recipe, that every GroupNorm of the network can have."""
    widths = [norm.num_channels for norm in norms]
    most = min(model.norm_groups, min(widths) // model.norm_group_channels)
    return max((n for n in range(1, most + 1) if math.gcd(*widths) % n == 0), default=1)


def _head_dim(network: nn.Module) -> int | None:
    """Channels of a head; None stands for a single head at every level."""
    layers = [layer for layer in network.modules() if isinstance(layer, SelfAttention)]
    sizes = {layer.channels // layer.heads for layer in layers}
    if all(layer.heads == 1 for layer in layers):
        return None
    if len(sizes) > 1:
        raise _not_theirs(
            "its attention heads have one size at every level, and those of this network have "
            f"{' and '.join(map(str, sorted(sizes)))} channels (model.attention_head_dim)"
        )
    return sizes.pop()


def _not_theirs(reason: str) -> ExchangeError:
    return ExchangeError(
        f"diffusers' UNet2DModel cannot be this network: {reason}. Use the format safetensors."
    )


def recipe_values(unet: Mapping[str, Any]) -> dict[str, Any]:
    """The sections data and model of the recipe whose network computes what a UNet2DModel does, from its json.

    Raises ExchangeError with the reason where no recipe can.
    """
    theirs = {**DEFAULTS, **unet}
    _refuse_what_we_lack(theirs)
    dims, groups, size = list(theirs["block_out_channels"]), theirs["norm_num_groups"], theirs["sample_size"]
    levels = _attention_levels(theirs)
    attended = {*levels, len(dims) - 1} if theirs["add_attention"] else set(levels)
    return {
        "data": {
            "image_size": (size, size) if isinstance(size, int) else tuple(size),
            "channels": theirs["in_channels"],
        },
        "model": {
            "dim": dims[0],
            "dim_mults": tuple(dim // dims[0] for dim in dims),
            "block": "resnet",
            "blocks_per_level": theirs["layers_per_block"],
            "dropout": theirs["dropout"],
            "attention_levels": levels,
            "linear_attention_levels": (),
            "middle_attention": theirs["add_attention"],
            "attention_head_dim": _our_head_dim(theirs["attention_head_dim"], dims, attended),
            "norm_groups": groups,
            "norm_group_channels": min(2, dims[0] // groups),
            "norm_eps": theirs["norm_eps"],
            "time_frequency_shift": theirs["freq_shift"],
            "downsample_padding": "both" if theirs["downsample_padding"] == 1 else "end",
            "class_conditional": False,
        },
    }


def _refuse_what_we_lack(theirs: Mapping[str, Any]) -> None:
    for key, allowed in ALLOWED.items():
        if theirs[key] not in allowed:
            raise _not_ours(f"its {key} is {theirs[key]!r}, not {' or '.join(map(repr, allowed))}")
    if theirs["num_class_embeds"] is not None:
        raise _not_ours(
            f"it is told one of {theirs['num_class_embeds']} classes, and nothing says which number means none"
        )
    dims, groups = list(theirs["block_out_channels"]), theirs["norm_num_groups"]
    if any(dim % dims[0] for dim in dims):
        raise _not_ours(f"its block_out_channels {dims} are not all multiples of the first")
    if theirs["time_embedding_dim"] not in (None, 4 * dims[0]):
        raise _not_ours(f"its time_embedding_dim is {theirs['time_embedding_dim']}, not {4 * dims[0]}")
    if theirs["attn_norm_num_groups"] not in (None, groups):
        raise _not_ours(f"its attn_norm_num_groups is {theirs['attn_norm_num_groups']}, not {groups}")
    if theirs["sample_size"] is None:
        raise _not_ours("its sample_size is null, so nobody knows the size of its images")
    channels, channels_out = theirs["in_channels"], theirs["out_channels"]
    if channels not in (1, 3, 4) or channels_out not in (channels, 2 * channels):
        raise _not_ours(
            f"it makes {channels_out} channels of {channels}; images have 1, 3 or 4, and twice as many come out "
            "where the variance is learned"
        )


def _attention_levels(theirs: Mapping[str, Any]) -> tuple[int, ...]:
    down, up = list(theirs["down_block_types"]), list(theirs["up_block_types"])
    attended = {"DownBlock2D": False, "AttnDownBlock2D": True}
    for kind in down:
        if kind not in attended:
            raise _not_ours(f"it has a {kind}; ours are DownBlock2D and AttnDownBlock2D")
    mirrored = ["AttnUpBlock2D" if attended[kind] else "UpBlock2D" for kind in reversed(down)]
    if up != mirrored:
        raise _not_ours(f"its up_block_types {up} do not mirror its down_block_types, as {mirrored} would")
    return tuple(level for level, kind in enumerate(down) if attended[kind])


def _our_head_dim(head_dim: int | None, dims: list[int], attended: set[int]) -> int:
    if head_dim is None:
        return max(dims)  # one head, however many channels
    for level in attended:
        if dims[level] % head_dim:
            raise _not_ours(
                f"its attention_head_dim of {head_dim} does not divide the {dims[level]} channels of level {level}"
            )
    return head_dim


def _not_ours(reason: str) -> ExchangeError:
    return ExchangeError(f"This UNet2DModel cannot be taken in: {reason}.")
