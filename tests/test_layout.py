"""Whatever lies where in memory, the network computes the same."""

import pytest
import torch
from networks import waken
from torch.nn import functional as F

from ddpm import unet
from ddpm.layout import describe_choices, laid_out_for_attention, layout_for
from ddpm.unet import UNet


def gradients(network: UNet, x: torch.Tensor, t: torch.Tensor) -> list[torch.Tensor]:
    return list(torch.autograd.grad(network(x, t).square().sum(), list(network.parameters())))


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_first_and_last_give_the_same_gradients(channels, monkeypatch):
    network = UNet(8, channels, (1, 2), attention_head_dim=8)
    waken(network)
    x, t = torch.randn(2, channels, 8, 8), torch.tensor([3, 700])
    got = []
    for layout in (torch.contiguous_format, torch.channels_last):
        monkeypatch.setattr(unet, "layout_for", lambda features, layout=layout: layout)
        got.append(gradients(network, x, t))
    torch.testing.assert_close(*got, rtol=1e-3, atol=1e-4)


def test_a_float32_cpu_keeps_channels_last_and_a_bfloat16_one_first():
    assert layout_for(torch.zeros(1, 2, 4, 4)) == torch.channels_last
    assert layout_for(torch.zeros(1, 2, 4, 4, dtype=torch.bfloat16)) == torch.contiguous_format
    assert "computes in" in describe_choices(torch.device("cpu"))


@pytest.mark.parametrize("pixels", [16, 256])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_is_the_same_however_its_features_lie(pixels, dtype):
    heads = torch.randn(1, 2, 8, pixels, dtype=dtype, requires_grad=True).transpose(-1, -2)
    laid_out = laid_out_for_attention(heads)
    torch.testing.assert_close(laid_out, heads)
    few_in_bfloat16 = dtype == torch.bfloat16 and pixels == 16
    assert (laid_out.stride(-1) == 1) != few_in_bfloat16
    torch.testing.assert_close(
        F.scaled_dot_product_attention(laid_out, laid_out, laid_out),
        F.scaled_dot_product_attention(heads, heads, heads),
        rtol=2e-2,
        atol=2e-2,
    )
