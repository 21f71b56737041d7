"""The parts of the U-Net: normalisation, time embedding, ResNet block, and the changes of resolution."""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Norm = Callable[[int], nn.Module]
"""Makes the normalisation of so many channels."""


def group_norm(channels: int, groups: int, eps: float = 1e-5, group_channels: int = 2) -> nn.GroupNorm:
    """GroupNorm with as many of the ``groups`` as divide the channels evenly, ``group_channels`` or more in each.

    A group of one channel would take the time embedding out again, which adds one number to a whole channel.
    """
    fitting = [n for n in range(1, groups + 1) if channels % n == 0 and channels >= group_channels * n]
    return nn.GroupNorm(max(fitting, default=1), channels, eps)


def dropped(probability: float) -> nn.Module:
    """Dropout, or nothing at all where there is none: nn.Dropout(0) would still draw random numbers."""
    return nn.Dropout(probability) if probability else nn.Identity()


def zeroed(module: nn.Conv2d) -> nn.Conv2d:
    """The module with all parameters 0, so that its block starts as the identity (Ho et al.'s code does so)."""
    nn.init.zeros_(module.weight)
    if module.bias is not None:
        nn.init.zeros_(module.bias)
    return module


def silu_of_own(features: Tensor) -> Tensor:
    """SiLU of features that nobody else holds: in their place, where no gradient needs them as they were."""
    return F.silu(features, inplace=not features.requires_grad)


class TimeEmbedding(nn.Module):
    """t [B] to a vector [B, 4 dim]: sinusoids of falling frequency, then Linear-SiLU-Linear.

    The sinusoids are those of Vaswani et al. 2017, section 3.5: sines, then cosines, wavelengths 2 pi to 20,000 pi.
    """

    def __init__(self, dim: int, frequency_shift: int = 1) -> None:
        super().__init__()
        self.dim = dim
        self.frequency_shift = frequency_shift
        self.hidden = nn.Linear(dim, 4 * dim)
        self.out = nn.Linear(4 * dim, 4 * dim)

    def forward(self, t: Tensor) -> Tensor:
        waves = sinusoids(t, self.dim, self.frequency_shift).to(self.hidden.weight.dtype)
        return self.out(F.silu(self.hidden(waves)))  # type: ignore[no-any-return]


def sinusoids(t: Tensor, dim: int, frequency_shift: int = 1) -> Tensor:
    """sin and cos of t [B] at dim / 2 frequencies from 1 down to 1/10,000: float32 [B, dim].

    With a ``frequency_shift`` of 0 the last frequency is one step of the same ratio above 1/10,000, as in the
    paper; with 1 it is 1/10,000 itself, as in the code of Ho et al. 2020.
    """
    half = dim // 2
    exponent = torch.arange(half, dtype=torch.float32, device=t.device) / max(1, half - frequency_shift)
    angles = t.float()[:, None] * torch.exp(-math.log(10_000) * exponent)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class ResNetBlock(nn.Module):
    """GroupNorm-SiLU-Conv twice, the time added between them, around a skip connection (Ho et al. 2020, appendix B)."""

    def __init__(
        self, channels_in: int, channels_out: int, time_dim: int, norm: Norm, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.norm_in = norm(channels_in)
        self.conv_in = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.time = nn.Linear(time_dim, channels_out)
        self.norm_out = norm(channels_out)
        self.dropout = dropped(dropout)
        self.conv_out = zeroed(nn.Conv2d(channels_out, channels_out, 3, padding=1))
        self.skip = nn.Identity() if channels_in == channels_out else nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """x [B, channels_in, H, W] and time [B, time_dim] to [B, channels_out, H, W]."""
        h = self.conv_in(silu_of_own(self.norm_in(x)))
        h = h + self.time(F.silu(time))[:, :, None, None]
        h = self.conv_out(self.dropout(silu_of_own(self.norm_out(h))))
        return self.skip(x) + h  # type: ignore[no-any-return]


class Downsample(nn.Module):
    """Half the height and width, rounded up: a convolution of stride 2.

    ``padding`` "end" puts the zeros that an even size needs on the right and below only, as TensorFlow's "SAME"
    in the code of Ho et al. 2020 does.
    """

    def __init__(self, channels: int, padding: Literal["both", "end"] = "both") -> None:
        super().__init__()
        self.padding = padding
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1 if padding == "both" else 0)

    def forward(self, x: Tensor) -> Tensor:
        if self.padding == "end":
            height, width = x.shape[2:]
            x = F.pad(x, (width % 2, 1, height % 2, 1))
        return self.conv(x)  # type: ignore[no-any-return]


class Upsample(nn.Module):
    """To a given height and width: nearest neighbour, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, size: torch.Size) -> Tensor:
        # The size is that of the skip connection it will meet, which is odd where the image is.
        height, width = x.shape[2:]
        if size == (2 * height, 2 * width):
            return F.conv_transpose2d(x, self._doubling_kernel(), self.conv.bias, stride=2, padding=1)
        return self.conv(F.interpolate(x, size=tuple(size), mode="nearest"))  # type: ignore[no-any-return]

    def _doubling_kernel(self) -> Tensor:
        """The kernel [C, C, 4, 4] that doubles and convolves at once, with 4 products where the two take 9.

        Each pixel is spread over 2 x 2 before the 3 x 3 kernel meets it: the two kernels convolved are one of 4 x 4.
        """
        spread = [F.pad(self.conv.weight, (x, 1 - x, y, 1 - y)) for x in (0, 1) for y in (0, 1)]
        kernel = torch.stack(spread).sum(dim=0)
        # A transposed convolution takes channels and pixels the other way round.
        return kernel.transpose(0, 1).flip(2, 3)
