"""The U-Net of Ho et al. 2020: from a noisy image and its timestep to the noise in it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ddpm.blocks import Downsample, ResNetBlock, SelfAttention, TimeEmbedding, Upsample, group_norm, zeroed
from ddpm.config import ModelConfig


class Level(nn.Module):
    """The blocks of one resolution on one path: ResNet blocks, each followed by attention where the level has it."""

    def __init__(self, blocks: list[ResNetBlock], attentions: list[SelfAttention], resample: nn.Module | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.attentions = nn.ModuleList(attentions)
        self.resample = resample

    def block(self, index: int, x: Tensor, time: Tensor) -> Tensor:
        """Block ``index``, with its attention."""
        x = self.blocks[index](x, time)
        return self.attentions[index](x) if len(self.attentions) else x


class UNet(nn.Module):
    """Predicts [B, channels, H, W] from x_t of the same shape and t, an integer tensor [B].

    Level i has ``dim * dim_mults[i]`` channels and half the height and width of level i - 1, rounded up, so that
    any H and W work. ``attention_levels`` (0 is full resolution; None: the last level) get self-attention after
    each block; the middle always has it. The last convolution starts at 0, so an untrained network predicts 0.
    """

    def __init__(
        self,
        dim: int,
        channels: int = 3,
        dim_mults: Sequence[int] = (1, 2, 4, 8),
        *,
        blocks_per_level: int = 2,
        attention_levels: Sequence[int] | None = None,
        attention_head_dim: int = 32,
        norm_groups: int = 8,
    ) -> None:
        super().__init__()
        self.channels = channels
        time_dim = 4 * dim
        dims = [dim * multiple for multiple in dim_mults]
        last = len(dims) - 1
        attended = {last} if attention_levels is None else set(attention_levels)

        def resnet(channels_in: int, channels_out: int) -> ResNetBlock:
            return ResNetBlock(channels_in, channels_out, time_dim, norm_groups)

        def attention(level_dim: int) -> SelfAttention:
            return SelfAttention(level_dim, attention_head_dim, norm_groups)

        def level(index: int, inputs: list[int], resample: nn.Module | None) -> Level:
            level_dim = dims[index]
            attentions = [attention(level_dim) for _ in inputs] if index in attended else []
            return Level([resnet(channels_in, level_dim) for channels_in in inputs], attentions, resample)

        self.time = TimeEmbedding(dim)
        self.input = nn.Conv2d(channels, dim, 3, padding=1)

        skips = [dim]
        self.down = nn.ModuleList()
        for index, level_dim in enumerate(dims):
            inputs = [skips[-1], *[level_dim] * (blocks_per_level - 1)]
            self.down.append(level(index, inputs, Downsample(level_dim) if index < last else None))
            skips += [level_dim] * (blocks_per_level + (index < last))

        self.middle_in = resnet(dims[-1], dims[-1])
        self.middle_attention = attention(dims[-1])
        self.middle_out = resnet(dims[-1], dims[-1])

        below = dims[-1]
        self.up = nn.ModuleList()
        for index in reversed(range(len(dims))):
            inputs = []
            for _ in range(blocks_per_level + 1):
                inputs.append(below + skips.pop())
                below = dims[index]
            self.up.append(level(index, inputs, Upsample(dims[index]) if index > 0 else None))

        self.norm = group_norm(dim * dim_mults[0], norm_groups)
        self.output = zeroed(nn.Conv2d(dim * dim_mults[0], channels, 3, padding=1))

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        if x_t.ndim != 4 or x_t.shape[1] != self.channels:
            raise ValueError(f"This network takes images [B, {self.channels}, H, W], not {list(x_t.shape)}.")
        time = self.time(t)
        x = self.input(x_t)
        skips = [x]
        for level in self.down:
            for index in range(len(level.blocks)):
                x = level.block(index, x, time)
                skips.append(x)
            if level.resample is not None:
                x = level.resample(x)
                skips.append(x)

        x = self.middle_in(x, time)
        x = self.middle_attention(x)
        x = self.middle_out(x, time)

        for level in self.up:
            for index in range(len(level.blocks)):
                x = level.block(index, torch.cat([x, skips.pop()], dim=1), time)
            if level.resample is not None:
                x = level.resample(x, skips[-1].shape[2:])
        return self.output(F.silu(self.norm(x)))  # type: ignore[no-any-return]


def build(config: ModelConfig, channels: int) -> UNet:
    """The network of a recipe, for images of ``channels`` channels, with fresh random weights."""
    return UNet(
        config.dim,
        channels,
        config.dim_mults,
        blocks_per_level=config.blocks_per_level,
        attention_levels=config.attention_levels,
        attention_head_dim=config.attention_head_dim,
        norm_groups=config.norm_groups,
    )
