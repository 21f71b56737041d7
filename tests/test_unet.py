"""The network: any size, any channels, gradients everywhere, and a start that predicts nothing."""

from functools import partial

import pytest
import torch
from diffusers.models.embeddings import get_timestep_embedding
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import waken
from torch.nn import functional as F

from ddpm import unet
from ddpm.attention import LinearAttention, SelfAttention
from ddpm.blocks import Downsample, ResNetBlock, Upsample, group_norm, sinusoids
from ddpm.config import Config, DataConfig, DiffusionConfig, ModelConfig
from ddpm.convnext import ConvNeXtBlock
from ddpm.errors import ConfigError
from ddpm.parameter_count import parameter_count
from ddpm.unet import UNet


def model_of(attention, **values):
    """A network whose levels have the kinds of attention that are listed."""
    kinds = {
        kind: tuple(level for level, found in enumerate(attention) if found == kind)
        for kind in ("full", "linear")
    }
    return ModelConfig(attention_levels=kinds["full"], linear_attention_levels=kinds["linear"], **values)


MODELS = st.integers(1, 3).flatmap(
    lambda levels: st.builds(
        model_of,
        block=st.sampled_from(["resnet", "convnext"]),
        dropout=st.sampled_from([0.0, 0.1]),
        dim=st.sampled_from([4, 6, 8, 14]),
        dim_mults=st.lists(st.integers(1, 3), min_size=levels, max_size=levels).map(tuple),
        blocks_per_level=st.integers(1, 2),
        attention=st.lists(st.sampled_from(["none", "full", "linear"]), min_size=levels, max_size=levels),
        middle_attention=st.booleans(),
        attention_head_dim=st.sampled_from([1, 4, 64]),
        norm_groups=st.sampled_from([1, 4, 8, 32]),
        norm_group_channels=st.sampled_from([2, 5]),
        time_frequency_shift=st.sampled_from([0, 1]),
        downsample_padding=st.sampled_from(["both", "end"]),
        class_conditional=st.booleans(),
    )
)


def recipe(model: ModelConfig, channels: int, variance: str = "fixed") -> Config:
    data = DataConfig(image_size=(8, 8), channels=channels, class_names=("cat", "dog", "fox"))
    return Config(model=model, data=data, diffusion=DiffusionConfig(variance=variance))


@settings(max_examples=30, deadline=None)
@given(
    MODELS,
    st.sampled_from([1, 3, 4]),
    st.sampled_from(["fixed", "learned"]),
    st.integers(1, 19),
    st.integers(1, 19),
    st.integers(1, 3),
)
def test_any_shape_comes_out_as_it_went_in(model, channels, variance, height, width, batch):
    config = recipe(model, channels, variance)
    network = unet.build(config)
    x_t = torch.randn(batch, channels, height, width)
    channels_out = 2 * channels if variance == "learned" else channels
    assert network(x_t, torch.arange(batch)).shape == (batch, channels_out, height, width)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameter_count(config)


@settings(max_examples=15, deadline=None)
@given(MODELS, st.sampled_from([1, 3, 4]))
def test_every_parameter_gets_a_gradient(model, channels):
    network = waken(unet.build(recipe(model, channels)))
    labels = torch.tensor([0, 1, 2, 3]) if model.class_conditional else None
    network(torch.randn(4, channels, 9, 6), torch.tensor([3, 700, 1, 20]), labels).square().sum().backward()
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert without == []
    dead = [name for name, p in network.named_parameters() if not p.grad.any()]
    # What shifts all keys alike does not change a softmax, and a 1x1 bottom has nothing to attend to.
    assert [name for name in dead if "query_key_value" not in name] == []


def test_the_call_of_the_readme():
    network = UNet(dim=28, channels=1, dim_mults=(1, 2, 4))
    for size in ((28, 28), (8, 8), (30, 17)):
        x_t = torch.randn(2, 1, *size)
        assert network(x_t, torch.tensor([0, 999])).shape == x_t.shape


def test_an_untrained_network_predicts_nothing():
    x_t = torch.randn(2, 3, 8, 8)
    assert not UNet(8, 3, (1, 2))(x_t, torch.tensor([1, 2])).any()


@pytest.mark.parametrize("block", ["resnet", "convnext"])
def test_time_matters_in_every_block_and_for_each_image_alone(block):
    network = waken(UNet(8, 1, (1, 2), block=block))
    blocks = [module for module in network.modules() if isinstance(module, ResNetBlock | ConvNeXtBlock)]
    # The first layer of either kind of block has as many weights, or rows of them, as channels come in.
    x = {id(block): torch.randn(1, next(block.children()).weight.shape[0], 4, 4) for block in blocks}
    one, other = network.time(torch.tensor([1])), network.time(torch.tensor([500]))
    assert all(not torch.allclose(block(x[id(block)], one), block(x[id(block)], other)) for block in blocks)
    x_t = torch.randn(3, 1, 8, 8)
    t = torch.tensor([1, 400, 900])
    alone = torch.cat([network(x_t[i : i + 1], t[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(network(x_t, t), alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("block", ["resnet", "convnext"])
def test_dropout_is_random_in_training_and_nothing_afterwards(block):
    network = waken(UNet(8, 1, (1,), block=block, dropout=0.5))
    x_t, t = torch.randn(1, 1, 8, 8), torch.tensor([3])
    assert not torch.equal(network.train()(x_t, t), network(x_t, t))
    plain = UNet(8, 1, (1,), block=block)
    plain.load_state_dict(network.state_dict())
    torch.testing.assert_close(network.eval()(x_t, t), plain(x_t, t), rtol=0, atol=0)


def test_without_dropout_no_random_number_is_drawn():
    network = UNet(8, 1, (1, 2)).train()
    before = torch.get_rng_state()
    network(torch.zeros(1, 1, 8, 8), torch.tensor([3]))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("kind", [SelfAttention, LinearAttention])
def test_attention_reaches_across_the_image(kind):
    attention = waken(kind(8, 4, partial(group_norm, groups=4)))
    x = torch.randn(1, 8, 5, 7, requires_grad=True)
    attention(x)[0, 0, 0, 0].backward()
    assert bool((x.grad.abs().sum(dim=1) > 0).all())


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 6), (7, 2), (8, 9), (28, 28)])
def test_a_half_is_rounded_up_with_either_padding(height, width):
    for padding in ("both", "end"):
        made = Downsample(4, padding)(torch.randn(1, 4, height, width))
        assert made.shape[2:] == ((height + 1) // 2, (width + 1) // 2)


def test_doubling_in_one_convolution_is_nearest_neighbour_and_then_the_convolution():
    upsample = Upsample(6).double()
    x = torch.randn(2, 6, 5, 7, dtype=torch.float64, requires_grad=True)
    both = (
        upsample(x, torch.Size((10, 14))),
        upsample.conv(F.interpolate(x, scale_factor=2, mode="nearest")),
    )
    torch.testing.assert_close(*both)
    gradients = [torch.autograd.grad(y.square().sum(), (x, upsample.conv.weight)) for y in both]
    torch.testing.assert_close(*gradients)


def test_a_level_has_one_kind_of_attention():
    with pytest.raises(ValueError, match="Level 1 cannot have both"):
        UNet(8, 1, (1, 2), linear_attention_levels=[1])
    with pytest.raises(ConfigError, match="level 0 is in attention_levels and in linear_attention_levels"):
        Config.build({"model": {"attention_levels": (0,), "linear_attention_levels": (0,)}})
    assert ModelConfig(linear_attention_levels=(2,)).full_attention_levels == ()


def test_sinusoids_are_the_papers():
    found = sinusoids(torch.tensor([0, 7]), 6)
    frequencies = torch.tensor([1.0, 10_000**-0.5, 1e-4])
    torch.testing.assert_close(found[1], torch.cat([(7 * frequencies).sin(), (7 * frequencies).cos()]))
    torch.testing.assert_close(found[0], torch.tensor([0.0, 0, 0, 1, 1, 1]))


@pytest.mark.parametrize("shift", [0, 1])
def test_sinusoids_are_those_of_diffusers(shift):
    t = torch.tensor([0, 3, 999])
    theirs = get_timestep_embedding(t, 16, flip_sin_to_cos=False, downscale_freq_shift=shift)
    # An angle of 999 has an error of about 3e-5 in float32, theirs and ours.
    torch.testing.assert_close(sinusoids(t, 16, shift), theirs, rtol=0, atol=1e-4)


def test_the_wrong_number_of_channels_is_told():
    with pytest.raises(ValueError, match=r"\[B, 3, H, W\], not \[2, 1, 8, 8\]"):
        UNet(8, 3, (1,))(torch.zeros(2, 1, 8, 8), torch.tensor([0, 0]))


def test_a_class_matters_for_each_image_alone():
    network = waken(UNet(8, 1, (1, 2), num_classes=3))
    x_t = torch.randn(1, 1, 8, 8).expand(4, -1, -1, -1)
    t = torch.full((4,), 5)
    told = network(x_t, t, torch.arange(4))
    assert all(not torch.allclose(told[i], told[j]) for i in range(4) for j in range(i))
    torch.testing.assert_close(network(x_t[:1], t[:1], torch.tensor([2])), told[2:3], rtol=1e-4, atol=1e-5)


def test_no_labels_and_the_label_after_the_last_both_mean_no_class():
    network = waken(UNet(8, 1, (1,), num_classes=3))
    x_t, t = torch.randn(2, 1, 8, 8), torch.tensor([1, 2])
    torch.testing.assert_close(network(x_t, t), network(x_t, t, torch.tensor([3, 3])), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("num_classes", "labels", "message"),
    [
        (3, [0, 4], "4 is not the number of a class: they are 0 to 2, and 3 for none"),
        (3, [-1, 0], "-1 is not the number of a class"),
        (3, [0], r"the shape of t, \[2\], not \[1\]"),
        (0, [0, 0], "knows no classes"),
    ],
)
def test_wrong_labels_are_told(num_classes, labels, message):
    network = UNet(8, 1, (1,), num_classes=num_classes)
    with pytest.raises(ValueError, match=message):
        network(torch.zeros(2, 1, 8, 8), torch.tensor([0, 0]), torch.tensor(labels))


def test_classes_that_the_data_do_not_have_are_refused():
    config = Config(model=ModelConfig(class_conditional=True), data=DataConfig(image_size=(8, 8), channels=1))
    with pytest.raises(ConfigError, match="the data set digits has no classes"):
        unet.build(config)
