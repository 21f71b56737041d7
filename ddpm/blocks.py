"""The parts of the U-Net: time embedding, ResNet block, self-attention, and the changes of resolution."""

import math

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F


def group_norm(channels: int, groups: int) -> nn.GroupNorm:
    """GroupNorm with as many of the ``groups`` as divide the channels evenly, two channels or more in each.

    A group of one channel would take the time embedding out again, which adds one number to a whole channel.
    """
    fitting = [n for n in range(1, groups + 1) if channels % n == 0 and channels >= 2 * n]
    return nn.GroupNorm(max(fitting, default=1), channels)


def zeroed(module: nn.Conv2d) -> nn.Conv2d:
    """The module with all parameters 0, so that its block starts as the identity (Ho et al.'s code does so)."""
    nn.init.zeros_(module.weight)
    if module.bias is not None:
        nn.init.zeros_(module.bias)
    return module


class TimeEmbedding(nn.Module):
    """t [B] to a vector [B, 4 dim]: sinusoids of falling frequency, then Linear-SiLU-Linear.

    The sinusoids are those of Vaswani et al. 2017, section 3.5: sines, then cosines, wavelengths 2 pi to 20,000 pi.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.hidden = nn.Linear(dim, 4 * dim)
        self.out = nn.Linear(4 * dim, 4 * dim)

    def forward(self, t: Tensor) -> Tensor:
        return self.out(F.silu(self.hidden(sinusoids(t, self.dim))))  # type: ignore[no-any-return]


def sinusoids(t: Tensor, dim: int) -> Tensor:
    """sin and cos of t [B] at dim / 2 frequencies from 1 down to 1/10,000: float32 [B, dim]."""
    half = dim // 2
    exponent = torch.arange(half, dtype=torch.float32, device=t.device) / max(1, half - 1)
    angles = t.float()[:, None] * torch.exp(-math.log(10_000) * exponent)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class ResNetBlock(nn.Module):
    """GroupNorm-SiLU-Conv twice, the time added between them, around a skip connection."""

    def __init__(self, channels_in: int, channels_out: int, time_dim: int, norm_groups: int) -> None:
        super().__init__()
        self.norm_in = group_norm(channels_in, norm_groups)
        self.conv_in = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.time = nn.Linear(time_dim, channels_out)
        self.norm_out = group_norm(channels_out, norm_groups)
        self.conv_out = zeroed(nn.Conv2d(channels_out, channels_out, 3, padding=1))
        self.skip = nn.Identity() if channels_in == channels_out else nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """x [B, channels_in, H, W] and time [B, time_dim] to [B, channels_out, H, W]."""
        h = self.conv_in(F.silu(self.norm_in(x)))
        h = h + self.time(F.silu(time))[:, :, None, None]
        h = self.conv_out(F.silu(self.norm_out(h)))
        return self.skip(x) + h  # type: ignore[no-any-return]


class SelfAttention(nn.Module):
    """Every pixel looks at every other (Vaswani et al. 2017, eq. 1), around a skip connection.

    As many heads of about ``head_dim`` channels as divide the channels evenly.
    """

    def __init__(self, channels: int, head_dim: int, norm_groups: int) -> None:
        super().__init__()
        self.heads = math.gcd(channels, max(1, channels // head_dim))
        self.norm = group_norm(channels, norm_groups)
        self.query_key_value = nn.Conv2d(channels, 3 * channels, 1)
        self.out = zeroed(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] to the same shape."""
        query, key, value = rearrange(
            self.query_key_value(self.norm(x)),
            "b (three heads c) h w -> three b heads (h w) c",
            three=3,
            heads=self.heads,
        )
        attended = F.scaled_dot_product_attention(query, key, value)
        return x + self.out(rearrange(attended, "b heads (h w) c -> b (heads c) h w", h=x.shape[2]))  # type: ignore[no-any-return]


class Downsample(nn.Module):
    """Half the height and width, rounded up: a convolution of stride 2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)  # type: ignore[no-any-return]


class Upsample(nn.Module):
    """To a given height and width: nearest neighbour, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, size: torch.Size) -> Tensor:
        # The size is that of the skip connection it will meet, which is odd where the image is.
        return self.conv(F.interpolate(x, size=tuple(size), mode="nearest"))  # type: ignore[no-any-return]
