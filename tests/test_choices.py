"""Whatever is chosen for a device, the network computes the same; and what is chosen is told with its reason."""

import pytest
import torch
from networks import waken
from torch import nn
from torch.nn import functional as F

from ddpm import attention, unet
from ddpm.attention import SelfAttention
from ddpm.choices import (
    all_weights_at_once,
    choices,
    laid_out_for_attention,
    layout_for,
    pick_compile,
    with_cuda_graphs,
)
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_by_blocks_is_the_same_however_its_features_lie(dtype):
    heads = torch.randn(1, 2, 8, 400, dtype=dtype, requires_grad=True).transpose(-1, -2)
    laid_out = laid_out_for_attention(heads)
    torch.testing.assert_close(laid_out, heads)
    assert laid_out.stride(-1) == 1
    torch.testing.assert_close(
        F.scaled_dot_product_attention(laid_out, laid_out, laid_out),
        F.scaled_dot_product_attention(heads, heads, heads),
        rtol=2e-2,
        atol=2e-2,
    )


def test_attention_with_all_weights_at_once_is_that_by_blocks_but_for_rounding(monkeypatch):
    layer = SelfAttention(8, 4, nn.Identity)
    query, key, value = (torch.randn(2, 2, 49, 4).bfloat16().requires_grad_() for _ in range(3))
    assert all_weights_at_once(query)
    at_once = layer.attend(query, key, value)
    monkeypatch.setattr(attention, "all_weights_at_once", lambda query: False)
    by_blocks = layer.attend(query, key, value)
    torch.testing.assert_close(at_once, by_blocks, rtol=2e-2, atol=2e-2)
    towards = torch.randn_like(by_blocks)
    for mine, usual in zip(
        *(torch.autograd.grad(made, (query, key, value), towards) for made in (at_once, by_blocks)),
        strict=True,
    ):
        assert (mine - usual).norm() < 0.02 * usual.norm()


def test_drawing_and_large_maps_take_attention_by_blocks():
    small, large = torch.zeros(1, 1, 256, 4).bfloat16(), torch.zeros(1, 1, 257, 4).bfloat16()
    assert not all_weights_at_once(small)
    assert all_weights_at_once(small.requires_grad_())
    assert not all_weights_at_once(large.requires_grad_())


def test_every_choice_has_a_reason_and_those_for_gpus_are_said_not_to_be_measured(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    for device in (torch.device("cpu"), torch.device("cuda")):
        made = choices(device)
        assert all(choice.subject and choice.chosen and choice.why for choice in made)
        assert {choice.measured for choice in made} == {device.type == "cpu"}
        assert len({choice.subject for choice in made}) == len(made)


def test_nothing_is_compiled_unasked_and_graphs_need_whole_batches_on_a_gpu():
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert [pick_compile(name) for name in ("auto", "on", "off")] == [False, True, False]
    assert with_cuda_graphs(cuda, whole=True)
    assert not with_cuda_graphs(cuda, whole=False)
    assert not with_cuda_graphs(cpu, whole=True)
