"""The U-Net of Ho et al. 2020: from a noisy image and its timestep to the noise in it."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from ddpm.attention import LinearAttention, SelfAttention
from ddpm.blocks import Downsample, ResNetBlock, TimeEmbedding, Upsample, group_norm, silu_of_own, zeroed
from ddpm.choices import layout_for
from ddpm.config import Config
from ddpm.convnext import ConvNeXtBlock

Block = ResNetBlock | ConvNeXtBlock
Attention = SelfAttention | LinearAttention


class DownLevel(nn.Module):
    """One resolution on the way down: blocks, each with attention where there is any, then half the size."""

    def __init__(
        self, blocks: Sequence[Block], attentions: Sequence[Attention], downsample: Downsample | None
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.attentions = nn.ModuleList(attentions or [nn.Identity() for _ in blocks])
        self.downsample = downsample

    def forward(self, x: Tensor, time: Tensor) -> list[Tensor]:
        """What each block and the downsampling make of x [B, C, H, W]: the skip connections, in order."""
        made = []
        for block, attention in zip(self.blocks, self.attentions, strict=True):
            x = attention(block(x, time))
            made.append(x)
        return [*made, self.downsample(x)] if self.downsample else made


class UpLevel(nn.Module):
    """One resolution on the way up: each block takes a skip connection in, then the size doubles."""

    def __init__(
        self, blocks: Sequence[Block], attentions: Sequence[Attention], upsample: Upsample | None
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.attentions = nn.ModuleList(attentions or [nn.Identity() for _ in blocks])
        self.upsample = upsample

    def forward(self, x: Tensor, time: Tensor, skips: list[Tensor]) -> Tensor:
        """x [B, C, H, W] and the skip connections, of which one a block is taken from the end."""
        for block, attention in zip(self.blocks, self.attentions, strict=True):
            x = attention(block(torch.cat([x, skips.pop()], dim=1), time))
        return self.upsample(x, skips[-1].shape[2:]) if self.upsample else x


class UNet(nn.Module):
    """Predicts [B, channels_out, H, W] from x_t [B, channels, H, W] and t, an integer tensor [B].

    Level i has ``dim * dim_mults[i]`` channels and half the height and width of level i - 1, rounded up, so that
    any H and W work. ``attention_levels`` (0 is full resolution; None: the last level) get self-attention after
    each block, ``linear_attention_levels`` linear attention; the middle has self-attention unless
    ``middle_attention`` is off. The last convolution starts at 0, so an untrained network predicts 0.

    With ``num_classes`` the network can be told a class, which is added to the time as in Nichol & Dhariwal 2021;
    the number ``num_classes`` itself stands for no class (Ho & Salimans 2022, section 3.2).

    The other arguments are explained with their fields in ddpm.config.ModelConfig. Raises ValueError for a level
    with both kinds of attention.
    """

    def __init__(
        self,
        dim: int,
        channels: int = 3,
        dim_mults: Sequence[int] = (1, 2, 4, 8),
        *,
        channels_out: int | None = None,
        num_classes: int = 0,
        block: Literal["resnet", "convnext"] = "resnet",
        blocks_per_level: int = 2,
        dropout: float = 0.0,
        attention_levels: Sequence[int] | None = None,
        linear_attention_levels: Sequence[int] = (),
        middle_attention: bool = True,
        attention_head_dim: int = 32,
        norm_groups: int = 8,
        norm_group_channels: int = 2,
        norm_eps: float = 1e-5,
        time_frequency_shift: int = 1,
        downsample_padding: Literal["both", "end"] = "both",
    ) -> None:
        super().__init__()
        self.channels = channels
        self.num_classes = num_classes
        time_dim = 4 * dim
        dims = [dim * multiple for multiple in dim_mults]
        last = len(dims) - 1
        full = {last} if attention_levels is None else set(attention_levels)
        linear = set(linear_attention_levels)
        if full & linear:
            raise ValueError(f"Level {min(full & linear)} cannot have both full and linear attention.")
        norm = partial(group_norm, groups=norm_groups, eps=norm_eps, group_channels=norm_group_channels)

        def make_block(channels_in: int, channels_out: int) -> Block:
            if block == "convnext":
                return ConvNeXtBlock(channels_in, channels_out, time_dim, dropout)
            return ResNetBlock(channels_in, channels_out, time_dim, norm, dropout)

        def attentions(index: int, blocks: Sequence[Block]) -> list[Attention]:
            kind = SelfAttention if index in full else LinearAttention
            return [kind(dims[index], attention_head_dim, norm) for _ in blocks if index in full | linear]

        self.time = TimeEmbedding(dim, time_frequency_shift)
        if num_classes:
            self.label = nn.Embedding(num_classes + 1, time_dim)
        self.input = nn.Conv2d(channels, dim, 3, padding=1)

        skips = [dim]
        self.down = nn.ModuleList()
        for index, level_dim in enumerate(dims):
            blocks = [make_block(skips[-1], level_dim)]
            blocks += [make_block(level_dim, level_dim) for _ in range(blocks_per_level - 1)]
            downsample = Downsample(level_dim, downsample_padding) if index < last else None
            self.down.append(DownLevel(blocks, attentions(index, blocks), downsample))
            skips += [level_dim] * (blocks_per_level + (index < last))

        self.middle_in = make_block(dims[-1], dims[-1])
        self.middle_attention = (
            SelfAttention(dims[-1], attention_head_dim, norm) if middle_attention else nn.Identity()
        )
        self.middle_out = make_block(dims[-1], dims[-1])

        below = dims[-1]
        self.up = nn.ModuleList()
        for index, level_dim in reversed(list(enumerate(dims))):
            blocks = [make_block(below + skips.pop(), level_dim)]
            blocks += [make_block(level_dim + skips.pop(), level_dim) for _ in range(blocks_per_level)]
            upsample = Upsample(level_dim) if index > 0 else None
            self.up.append(UpLevel(blocks, attentions(index, blocks), upsample))
            below = level_dim

        self.norm = norm(dim * dim_mults[0])
        self.output = zeroed(nn.Conv2d(dim * dim_mults[0], channels_out or channels, 3, padding=1))

    def forward(self, x_t: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """The prediction for x_t at t, for images of the classes ``labels``, int64 [B]; None: of no class.

        Raises ValueError where shapes do not fit, and for labels on the CPU that are no classes; on other devices
        looking at them would stall every step.
        """
        if x_t.ndim != 4 or x_t.shape[1] != self.channels:
            raise ValueError(f"This network takes images [B, {self.channels}, H, W], not {list(x_t.shape)}.")
        time = self.time(t)
        if self.num_classes:
            time = time + self.label(self._no_class(t) if labels is None else self._checked(labels, t))
        elif labels is not None:
            raise ValueError("This network knows no classes, so it takes no labels.")
        x = self.input(x_t)
        # All that follow keep the layout; images of one channel have none of their own.
        skips = [x.contiguous(memory_format=layout_for(x))]
        for level in self.down:
            skips += level(skips[-1], time)
        x = self.middle_in(skips[-1], time)
        x = self.middle_attention(x)
        x = self.middle_out(x, time)
        for level in self.up:
            x = level(x, time, skips)
        return self.output(silu_of_own(self.norm(x)))  # type: ignore[no-any-return]

    def _no_class(self, t: Tensor) -> Tensor:
        return torch.full_like(t, self.num_classes, dtype=torch.int64)

    def _checked(self, labels: Tensor, t: Tensor) -> Tensor:
        if labels.shape != t.shape:
            raise ValueError(f"Labels have the shape of t, {list(t.shape)}, not {list(labels.shape)}.")
        if labels.device.type == "cpu":
            wrong = labels[(labels < 0) | (labels > self.num_classes)]
            if len(wrong):
                raise ValueError(
                    f"{int(wrong[0])} is not the number of a class: they are 0 to {self.num_classes - 1}, and "
                    f"{self.num_classes} for none."
                )
        return labels


def build(config: Config) -> UNet:
    """The network of a recipe, with fresh random weights.

    Raises ConfigError while the recipe does not say the channels of its images, or the classes that it needs.
    """
    model = config.model
    return UNet(
        model.dim,
        config.channels,
        model.dim_mults,
        channels_out=config.channels_out,
        num_classes=config.num_classes,
        block=model.block,
        blocks_per_level=model.blocks_per_level,
        dropout=model.dropout,
        attention_levels=model.full_attention_levels,
        linear_attention_levels=model.linear_attention_levels,
        middle_attention=model.middle_attention,
        attention_head_dim=model.attention_head_dim,
        norm_groups=model.norm_groups,
        norm_group_channels=model.norm_group_channels,
        norm_eps=model.norm_eps,
        time_frequency_shift=model.time_frequency_shift,
        downsample_padding=model.downsample_padding,
    )
