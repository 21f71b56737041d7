"""Self-attention over the pixels of a feature map: full, linear, and a look at where full attention looks."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from einops import einsum, rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from ddpm.blocks import Norm, zeroed
from ddpm.choices import all_weights_at_once, laid_out_for_attention


class _Attention(nn.Module, ABC):
    """Normalisation, queries, keys and values, and the way back, around a skip connection.

    As many heads of about ``head_dim`` channels as divide the channels evenly.
    """

    def __init__(self, channels: int, head_dim: int, norm: Norm) -> None:
        super().__init__()
        self.channels = channels
        self.heads = math.gcd(channels, max(1, channels // head_dim))
        self.norm = norm(channels)
        self.query_key_value = nn.Conv2d(channels, 3 * channels, 1)
        self.out = zeroed(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] to the same shape."""
        attended = self.attend(*self.split(x))
        return x + self.out(rearrange(attended, "b heads (h w) c -> b (heads c) h w", h=x.shape[2]))  # type: ignore[no-any-return]

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value of every pixel: each [B, heads, H*W, C / heads]."""
        query, key, value = rearrange(
            self.query_key_value(self.norm(x)),
            "b (three heads c) h w -> three b heads (h w) c",
            three=3,
            heads=self.heads,
        )
        return query, key, value

    @abstractmethod
    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """What each pixel gathers from all, [B, heads, H*W, C / heads]."""


class SelfAttention(_Attention):
    """Every pixel looks at every other (Vaswani et al. 2017, eq. 1); memory and time grow with (H W) squared."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        if all_weights_at_once(query):
            return _weights(query, key) @ value
        query, key, value = (laid_out_for_attention(heads) for heads in (query, key, value))
        return F.scaled_dot_product_attention(query, key, value)

    def look(self, x: Tensor) -> Tensor:
        """How much each pixel takes from each other: [B, heads, H*W, H*W], rows of sum 1, for x [B, C, H, W]."""
        query, key, _ = self.split(x)
        return _weights(query, key)


def _weights(query: Tensor, key: Tensor) -> Tensor:
    """How much each pixel takes from each other: [B, heads, H*W, H*W], rows of sum 1."""
    return (query / math.sqrt(query.shape[-1]) @ key.transpose(-2, -1)).softmax(dim=-1)


class LinearAttention(_Attention):
    """Attention through a summary of the whole image, in time linear in H W (Shen et al. 2021, section 3.2).

    Keys are a softmax over positions, queries one over features; a pixel no longer looks at single pixels, so
    there is no map to capture.
    """

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        summary = einsum(key.softmax(dim=-2), value, "b heads n d, b heads n e -> b heads d e")
        return einsum(query.softmax(dim=-1), summary, "b heads n d, b heads d e -> b heads n e")


@contextmanager
def capture_attention(network: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Inside the block, every call of the network leaves the maps of its full attention in the dictionary.

    By the layer's name, such as ``middle_attention``, each [B, heads, H*W, H*W] at the layer's own H and W, the
    pixels row by row; the next call replaces them. What the network computes stays the same: the maps are made
    beside it, and only here, as they are large.
    """
    maps: dict[str, Tensor] = {}

    @torch.no_grad()
    def keep(name: str, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(layer, SelfAttention)
        maps[name] = layer.look(inputs[0])

    hooks = [
        layer.register_forward_pre_hook(partial(keep, name))
        for name, layer in network.named_modules()
        if isinstance(layer, SelfAttention)
    ]
    try:
        yield maps
    finally:
        for hook in hooks:
            hook.remove()
