"""The ConvNeXt block as a part of the U-Net, in place of the ResNet block."""

from torch import Tensor, nn
from torch.nn import functional as F

from ddpm.blocks import dropped, group_norm, zeroed

EXPANSION = 4


class ConvNeXtBlock(nn.Module):
    """A depthwise 7x7 convolution, then two 1x1 with a wide GELU between them (Liu et al. 2022, figure 4).

    Two things differ from the paper. The normalisation takes all channels and positions of an image together,
    as that needs no change of layout; and the time scales and shifts what it gives (Nichol & Dhariwal 2021,
    appendix A).
    """

    def __init__(self, channels_in: int, channels_out: int, time_dim: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels_in, channels_in, 7, padding=3, groups=channels_in)
        self.time = nn.Linear(time_dim, 2 * channels_in)
        self.norm = group_norm(channels_in, groups=1)
        self.expand = nn.Conv2d(channels_in, EXPANSION * channels_out, 1)
        self.dropout = dropped(dropout)
        self.contract = zeroed(nn.Conv2d(EXPANSION * channels_out, channels_out, 1))
        self.skip = nn.Identity() if channels_in == channels_out else nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """x [B, channels_in, H, W] and time [B, time_dim] to [B, channels_out, H, W]."""
        scale, shift = self.time(F.silu(time))[:, :, None, None].chunk(2, dim=1)
        h = self.norm(self.depthwise(x)) * (1 + scale) + shift
        h = self.contract(self.dropout(F.gelu(self.expand(h))))
        return self.skip(x) + h  # type: ignore[no-any-return]
