"""Attention: what it computes, in closed form, and where it looks, without changing what it computes."""

import pytest
import torch
from networks import waken
from torch.func import functional_call

from ddpm.attention import LinearAttention, SelfAttention, capture_attention
from ddpm.blocks import group_norm
from ddpm.unet import UNet


def attention(kind, channels=8, head_dim=4):
    torch.manual_seed(0)
    return waken(kind(channels, head_dim, lambda channels: group_norm(channels, 4))).double()


def from_weights(layer, x, weights):
    """The layer's output where ``weights`` [B, heads, N, N] say how much each pixel takes from each other."""
    attended = weights @ layer.split(x)[2]
    return x + layer.out(attended.transpose(2, 3).reshape(x.shape))


def test_full_attention_is_its_map_times_the_values():
    layer, x = attention(SelfAttention), torch.randn(2, 8, 3, 5, dtype=torch.float64)
    torch.testing.assert_close(layer(x), from_weights(layer, x, layer.look(x)), rtol=1e-10, atol=1e-10)


def test_linear_attention_is_the_product_of_two_softmaxes():
    layer, x = attention(LinearAttention), torch.randn(2, 8, 3, 5, dtype=torch.float64)
    query, key, _ = layer.split(x)
    weights = query.softmax(dim=3) @ key.softmax(dim=2).transpose(2, 3)
    torch.testing.assert_close(weights.sum(dim=3), torch.ones_like(weights[..., 0]))
    torch.testing.assert_close(layer(x), from_weights(layer, x, weights), rtol=1e-10, atol=1e-10)


def test_linear_attention_never_makes_a_map_of_pixels_by_pixels():
    layer, sizes = attention(LinearAttention), []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
        layer(torch.randn(1, 8, 32, 32, dtype=torch.float64))
    assert max(sizes) <= 3 * 8 * 32 * 32


def test_captured_maps_are_named_shaped_and_sum_to_one():
    network = waken(UNet(8, 3, (1, 2), attention_levels=[1], attention_head_dim=8))
    with capture_attention(network) as maps:
        network(torch.randn(2, 3, 6, 10), torch.tensor([1, 900]))
    assert sorted(maps) == [
        *(f"down.1.attentions.{block}" for block in range(2)),
        "middle_attention",
        *(f"up.0.attentions.{block}" for block in range(3)),
    ]
    for found in maps.values():
        assert found.shape == (2, 2, 15, 15)
        assert not found.requires_grad
        torch.testing.assert_close(found.sum(dim=-1), torch.ones(2, 2, 15))
        assert found.std() > 0


def test_a_map_shows_where_a_pixel_looks():
    layer = attention(SelfAttention, head_dim=8)
    with torch.no_grad():  # queries and keys are the normalised features themselves
        layer.query_key_value.weight[:16] = 10 * torch.eye(8).repeat(2, 1)[..., None, None]
        layer.query_key_value.bias.zero_()
    x = torch.randn(1, 8, 4, 4, dtype=torch.float64)
    x[..., 3, 3] = x[..., 0, 0]
    with capture_attention(torch.nn.Sequential(layer)) as maps:
        layer(x)
    torch.testing.assert_close(maps["0"][0, 0, 0, 0], maps["0"][0, 0, 0, 15])
    assert maps["0"][0, 0, 0, [0, 15]].sum() > 0.99


def test_capturing_changes_nothing_and_ends():
    network = waken(UNet(8, 1, (1, 2), linear_attention_levels=[0]))
    x_t, t = torch.randn(1, 1, 8, 8), torch.tensor([5])
    before = network(x_t, t)
    with capture_attention(network) as maps:
        during = network(x_t, t)
        functional_call(network, dict(network.named_parameters()), (x_t, t))
        kept = dict(maps)
    torch.testing.assert_close(during, before, rtol=0, atol=0)
    assert not any(name.startswith("down.0") for name in kept)
    network(2 * x_t, t)
    assert all(maps[name] is kept[name] for name in kept)


def test_capturing_ends_with_an_error_as_well():
    network = UNet(8, 1, (1,))
    with pytest.raises(ValueError, match="images"), capture_attention(network) as maps:
        network(torch.zeros(1, 3, 8, 8), torch.tensor([5]))
    network(torch.zeros(1, 1, 8, 8), torch.tensor([5]))
    assert maps == {}
