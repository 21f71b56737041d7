"""Drawing with a network: classes, guidance, variances, batches, memory."""

import itertools
from typing import get_args

import pytest
import torch
from conftest import TINY
from networks import waken
from pydantic import ValidationError

from ddpm import edit, unet
from ddpm.config import Config
from ddpm.config_values import SamplerName
from ddpm.edit_recipe import ImageConfig, InpaintConfig, InterpolateConfig
from ddpm.errors import ConfigError, MemoryFullError
from ddpm.generate import Network, draw, recipe_of
from ddpm.sample_config import SampleConfig

NAMES = ("a", "b", "c")
ENDS_IN_NOISE = {"prediction": "v", "zero_terminal_snr": True}


def recipe(**diffusion):
    return Config.build(
        {
            **TINY,
            "data": {"image_size": (5, 6), "channels": 3, "class_names": NAMES},
            "model": {**TINY["model"], "class_conditional": True},
            "diffusion": {"T": 30, **diffusion},
            "train": {"device": "cpu", "precision": "float32"},
        }
    )


def network_of(config):
    """Not trained, but awake, and with classes that make a difference."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = waken(unet.build(config).eval())
        for embedding in (m for m in network.modules() if isinstance(m, torch.nn.Embedding)):
            torch.nn.init.normal_(embedding.weight, std=3.0)
    return Network(network, config, 1, torch.device("cpu"), "raw", "one")


def images(network, **values):
    *_, drawing = draw(network, SampleConfig(**{"steps": 6, "n": 7, **values}))
    assert drawing.done == drawing.total
    return drawing.x_t.int()


@pytest.mark.parametrize("sampler", get_args(SamplerName))
@pytest.mark.parametrize("diffusion", [{}, {"variance": "learned"}, ENDS_IN_NOISE])
def test_image_7_is_image_7_in_whatever_batch_with_every_sampler(sampler, diffusion):
    network = network_of(recipe(**diffusion))
    options = {"sampler": sampler, "guidance_scale": 2.0}
    at_once = images(network, **options)
    assert (at_once - images(network, **options, batch_size=3)).abs().max() <= 1
    assert (at_once[:4] - images(network, **options, n=4)).abs().max() <= 1
    assert at_once.float().std() > 1


def test_classes_are_given_in_turn_and_make_a_difference():
    network = network_of(recipe())
    turn, only_b = images(network, n=6), images(network, n=6, label="b")
    assert (turn[[1, 4]] - only_b[[1, 4]]).abs().max() <= 1
    assert (turn[[0, 2, 3, 5]] - only_b[[0, 2, 3, 5]]).abs().amax((1, 2, 3)).min() > 1
    assert (images(network, n=6, label="b,a")[1] - images(network, n=6, label="a")[1]).abs().max() <= 1


def test_guidance_of_0_is_no_class_and_of_1_the_class():
    network = network_of(recipe())
    assert (images(network, guidance_scale=0) - images(network, label="none")).abs().max() <= 1
    nearly = images(network, guidance_scale=1.0001) - images(network)
    assert nearly.abs().max() <= 2
    assert (images(network, guidance_scale=4) - images(network)).abs().max() > 2


def test_a_learned_variance_is_used_by_ddpm_unless_another_is_asked_for():
    network = network_of(recipe(variance="learned"))
    learned, posterior = (
        images(network, sampler="ddpm"),
        images(network, sampler="ddpm", variance="posterior"),
    )
    assert torch.equal(learned, images(network, sampler="ddpm", variance="learned"))
    assert (learned - posterior).abs().max() > 2
    assert recipe_of(network, SampleConfig(steps=6, sampler="ddpm"))["variance"] == "learned"


def test_an_eta_between_lies_between_for_every_sampler_that_has_one():
    network = network_of(recipe())
    for sampler, without in [("ddim", "euler"), ("euler-ancestral", "euler"), ("dpm++2m-sde", "dpm++2m")]:
        none = images(network, sampler=without)
        some, half, full = (images(network, sampler=sampler, eta=eta) for eta in (0.0, 0.5, 1.0))
        assert torch.equal(some, none)
        assert (half - none).abs().max() > 2
        assert (half - full).abs().max() > 2
    assert torch.equal(images(network, sampler="euler-ancestral"), images(network, sampler="ddim", eta=1.0))
    assert torch.equal(images(network, sampler="dpm++2m-sde"), full)


def test_the_recorded_recipe_names_only_what_was_used():
    network = network_of(recipe())
    euler = recipe_of(network, SampleConfig(steps=6, sampler="euler"))
    assert (euler["eta"], euler["variance"], euler["threshold_quantile"]) == (None, None, None)
    ancestral = recipe_of(network, SampleConfig(steps=6, sampler="euler-ancestral", eta=0.3, clip="dynamic"))
    assert (ancestral["eta"], ancestral["variance"], ancestral["threshold_quantile"]) == (0.3, None, 0.995)


@pytest.mark.parametrize("clip", ["static", "dynamic", "none"])
def test_what_limits_the_image_is_chosen(clip):
    network = network_of(recipe())
    *_, drawing = draw(network, SampleConfig(steps=6, n=3, clip=clip, guidance_scale=20, label="a"))
    seen = float(drawing.step.x_0.abs().max())
    assert seen <= 1.0001 if clip != "none" else seen > 1.5


def test_what_cannot_be_is_said_before_anything_is_drawn():
    with pytest.raises(ConfigError, match="no class d"):
        draw(network_of(recipe()), SampleConfig(label="d", steps=5))


class SmallMemory(torch.nn.Module):
    """A network on a device whose memory holds so many images at once."""

    def __init__(self, network, most):
        super().__init__()
        self.network, self.most, self.sizes = network, most, []

    def forward(self, x_t, t, labels):
        self.sizes.append(len(x_t))
        if len(x_t) > self.most:
            raise torch.OutOfMemoryError("no more memory")
        return self.network(x_t, t, labels)


def with_memory_for(most):
    network = network_of(recipe())
    return Network(SmallMemory(network.unet, most), network.config, 1, network.device, "raw", "one")


def test_where_memory_ends_batches_are_halved_and_the_images_are_the_same():
    small = with_memory_for(2)
    assert (images(small, n=9, steps=3) - images(network_of(recipe()), n=9, steps=3)).abs().max() <= 1
    assert small.unet.sizes == [9, 4, *[2] * 12, *[1] * 3]


def test_where_one_image_is_too_much_that_is_said():
    with pytest.raises(MemoryFullError, match="memory of the device is used up"):
        images(with_memory_for(0))


def picture(seed):
    return torch.randint(0, 256, (3, 5, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


# Each sampler with one kind of diffusion: of every kind images are drawn by every sampler above.
@pytest.mark.parametrize(
    ("sampler", "diffusion"),
    zip(get_args(SamplerName), itertools.cycle([{}, {"variance": "learned"}, ENDS_IN_NOISE]), strict=False),
)
def test_every_edit_works_with_every_sampler_and_in_batches(sampler, diffusion):
    network = network_of(recipe(**diffusion))
    options = {"sampler": sampler, "steps": 4, "n": 3, "label": "b", "guidance_scale": 1.5}
    mask = torch.zeros(1, 5, 6)
    mask[:, :2] = 1
    for batch_size in (3, 2):
        options["batch_size"] = batch_size
        made = (
            edit.interpolate(network, InterpolateConfig(**options), picture(1), picture(2)),
            edit.interpolate(network, InterpolateConfig(**options, encode="noising"), picture(1), picture(2)),
            edit.image_to_image(network, ImageConfig(**options), picture(1)),
            edit.inpaint(network, InpaintConfig(**options, jump_length=2, resample=2), picture(1), mask),
        )
        results = []
        for drawings in made:
            *_, drawing = drawings
            assert drawing.done == drawing.total
            assert drawing.x_t.shape == (3, 3, 5, 6)
            results.append(drawing.x_t.int())
        if batch_size == 3:
            whole = results
        assert torch.equal(results[3][..., 2:, :], picture(1).int().expand(3, -1, -1, -1)[..., 2:, :])
    for a, b in zip(whole, results, strict=True):
        assert (a - b).abs().max() <= 1


@pytest.mark.parametrize(
    ("batch_size", "sizes"),
    [
        (9, [*[2] * 30, *[9] * 10]),
        (3, [*[2] * 30, *[3] * 30]),
        (1, [*[1] * 60, *[1] * 90]),
    ],
)
def test_the_ends_of_an_interpolation_are_inverted_once_for_all_batches(batch_size, sizes):
    counted = with_memory_for(9)
    interpolation = InterpolateConfig(steps=10, n=9, iterations=3, batch_size=batch_size)
    *_, drawing = edit.interpolate(counted, interpolation, picture(1), picture(2))
    assert drawing.done == drawing.total
    assert counted.unet.sizes == sizes


def test_nothing_is_inverted_before_the_first_image_is_asked_for():
    counted = with_memory_for(9)
    drawings = edit.interpolate(counted, InterpolateConfig(steps=4, n=3), picture(1), picture(2))
    assert counted.unet.sizes == []
    next(drawings)
    assert counted.unet.sizes == [*[2] * 12, 3]


def test_an_interpolation_shrinks_to_one_image_at_a_time_where_memory_ends():
    small = with_memory_for(1)
    interpolation = InterpolateConfig(steps=4, n=4)
    *_, drawing = edit.interpolate(small, interpolation, picture(1), picture(2))
    *_, expected = edit.interpolate(network_of(recipe()), interpolation, picture(1), picture(2))
    assert (drawing.x_t.int() - expected.x_t.int()).abs().max() <= 1
    assert small.unet.sizes == [2, *[1] * 24, 4, 2, *[1] * 16]


def test_where_one_end_of_an_interpolation_is_too_much_that_is_said():
    with pytest.raises(MemoryFullError, match="memory of the device is used up"):
        list(edit.interpolate(with_memory_for(0), InterpolateConfig(steps=4, n=4), picture(1), picture(2)))


def test_edits_of_a_network_that_is_told_classes_tell_it_none_unless_asked():
    network = network_of(recipe())
    *_, unnamed = edit.image_to_image(network, ImageConfig(steps=5, n=2), picture(1))
    *_, none = edit.image_to_image(network, ImageConfig(steps=5, n=2, label="none"), picture(1))
    *_, named = edit.image_to_image(network, ImageConfig(steps=5, n=2, label="a"), picture(1))
    assert torch.equal(unnamed.x_t, none.x_t)
    assert not torch.equal(unnamed.x_t, named.x_t)


def test_an_interpolation_is_of_one_class():
    with pytest.raises(ValidationError, match="a,b are 2 classes, but all images here have one"):
        InterpolateConfig(label="a,b")
