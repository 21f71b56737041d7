"""The network: any size, any channels, gradients everywhere, and a start that predicts nothing."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm import unet
from ddpm.blocks import sinusoids
from ddpm.config import Config, DataConfig, DiffusionConfig, ModelConfig
from ddpm.errors import ConfigError
from ddpm.parameter_count import parameter_count
from ddpm.unet import UNet

MODELS = st.integers(1, 3).flatmap(
    lambda levels: st.builds(
        ModelConfig,
        dim=st.sampled_from([4, 6, 8, 14]),
        dim_mults=st.lists(st.integers(1, 3), min_size=levels, max_size=levels).map(tuple),
        blocks_per_level=st.integers(1, 2),
        attention_levels=st.none() | st.sets(st.integers(0, levels - 1)).map(tuple),
        attention_head_dim=st.sampled_from([1, 4, 64]),
        norm_groups=st.sampled_from([1, 4, 8, 32]),
        class_conditional=st.booleans(),
    )
)


def recipe(model: ModelConfig, channels: int, variance: str = "fixed") -> Config:
    data = DataConfig(image_size=(8, 8), channels=channels, class_names=("cat", "dog", "fox"))
    return Config(model=model, data=data, diffusion=DiffusionConfig(variance=variance))


def waken(network):
    """Random numbers in the layers that start at 0, so that everything takes part."""
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
    return network


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


def test_time_matters_in_every_block_and_for_each_image_alone():
    network = waken(UNet(8, 1, (1, 2)))
    blocks = [module for module in network.modules() if isinstance(module, unet.ResNetBlock)]
    x = {id(block): torch.randn(1, block.conv_in.in_channels, 4, 4) for block in blocks}
    one, other = network.time(torch.tensor([1])), network.time(torch.tensor([500]))
    assert all(not torch.allclose(block(x[id(block)], one), block(x[id(block)], other)) for block in blocks)
    x_t = torch.randn(3, 1, 8, 8)
    t = torch.tensor([1, 400, 900])
    alone = torch.cat([network(x_t[i : i + 1], t[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(network(x_t, t), alone, rtol=1e-4, atol=1e-5)


def test_attention_reaches_across_the_image():
    attention = waken(unet.SelfAttention(8, 4, 4))
    x = torch.randn(1, 8, 5, 7, requires_grad=True)
    attention(x)[0, 0, 0, 0].backward()
    assert bool((x.grad.abs().sum(dim=1) > 0).all())


def test_sinusoids_are_the_papers():
    found = sinusoids(torch.tensor([0, 7]), 6)
    frequencies = torch.tensor([1.0, 10_000**-0.5, 1e-4])
    torch.testing.assert_close(found[1], torch.cat([(7 * frequencies).sin(), (7 * frequencies).cos()]))
    torch.testing.assert_close(found[0], torch.tensor([0.0, 0, 0, 1, 1, 1]))


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
