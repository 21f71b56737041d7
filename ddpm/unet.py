"""The U-Net of Ho et al. 2020: from a noisy image and its timestep to the noise in it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ddpm.blocks import Downsample, ResNetBlock, SelfAttention, TimeEmbedding, Upsample, group_norm, zeroed
from ddpm.config import Config


class DownLevel(nn.Module):
    """One resolution on the way down: ResNet blocks, each with attention where there is any, then half the size."""

    def __init__(
        self, blocks: list[ResNetBlock], attentions: list[SelfAttention], downsample: Downsample | None
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
        self, blocks: list[ResNetBlock], attentions: list[SelfAttention], upsample: Upsample | None
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
    each block; the middle always has it. The last convolution starts at 0, so an untrained network predicts 0.
    With ``num_classes`` the network can be told a class, which is added to the time as in Nichol & Dhariwal 2021;
    the number ``num_classes`` itself stands for no class (Ho & Salimans 2022, section 3.2).
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
        channels_out: int | None = None,
        num_classes: int = 0,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.num_classes = num_classes
        time_dim = 4 * dim
        dims = [dim * multiple for multiple in dim_mults]
        last = len(dims) - 1
        attended = {last} if attention_levels is None else set(attention_levels)

        def resnet(channels_in: int, channels_out: int) -> ResNetBlock:
            return ResNetBlock(channels_in, channels_out, time_dim, norm_groups)

        def attention(level_dim: int) -> SelfAttention:
            return SelfAttention(level_dim, attention_head_dim, norm_groups)

        def attentions(index: int, blocks: list[ResNetBlock]) -> list[SelfAttention]:
            return [attention(dims[index]) for _ in blocks] if index in attended else []

        self.time = TimeEmbedding(dim)
        if num_classes:
            self.label = nn.Embedding(num_classes + 1, time_dim)
        self.input = nn.Conv2d(channels, dim, 3, padding=1)

        skips = [dim]
        self.down = nn.ModuleList()
        for index, level_dim in enumerate(dims):
            blocks = [resnet(skips[-1], level_dim)]
            blocks += [resnet(level_dim, level_dim) for _ in range(blocks_per_level - 1)]
            downsample = Downsample(level_dim) if index < last else None
            self.down.append(DownLevel(blocks, attentions(index, blocks), downsample))
            skips += [level_dim] * (blocks_per_level + (index < last))

        self.middle_in = resnet(dims[-1], dims[-1])
        self.middle_attention = attention(dims[-1])
        self.middle_out = resnet(dims[-1], dims[-1])

        below = dims[-1]
        self.up = nn.ModuleList()
        for index, level_dim in reversed(list(enumerate(dims))):
            blocks = [resnet(below + skips.pop(), level_dim)]
            blocks += [resnet(level_dim + skips.pop(), level_dim) for _ in range(blocks_per_level)]
            upsample = Upsample(level_dim) if index > 0 else None
            self.up.append(UpLevel(blocks, attentions(index, blocks), upsample))
            below = level_dim

        self.norm = group_norm(dim * dim_mults[0], norm_groups)
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
        skips = [self.input(x_t)]
        for level in self.down:
            skips += level(skips[-1], time)
        x = self.middle_in(skips[-1], time)
        x = self.middle_attention(x)
        x = self.middle_out(x, time)
        for level in self.up:
            x = level(x, time, skips)
        return self.output(F.silu(self.norm(x)))  # type: ignore[no-any-return]

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
        blocks_per_level=model.blocks_per_level,
        attention_levels=model.attention_levels,
        attention_head_dim=model.attention_head_dim,
        norm_groups=model.norm_groups,
        channels_out=config.channels_out,
        num_classes=config.num_classes,
    )
