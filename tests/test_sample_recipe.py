"""What a recipe of a drawing leaves open, and what a run's network cannot do."""

from typing import get_args

import pytest
from pydantic import ValidationError

from ddpm.config import Config
from ddpm.config_values import SamplerName
from ddpm.errors import ConfigError
from ddpm.sample_config import SampleConfig
from ddpm.sample_recipe import fitted, label_numbers, misfits

SHAPE = {"image_size": (8, 8), "channels": 1}
PLAIN = Config.build({"data": SHAPE, "diffusion": {"T": 50}})
LEARNED = PLAIN.with_values({"diffusion": {"variance": "learned"}})
NAMES = ("cat", "sea lion", "7")
TOLD = PLAIN.with_values({"data": {"class_names": NAMES}, "model": {"class_conditional": True}})
ALWAYS_TOLD = TOLD.with_values({"train": {"label_dropout": 0}})


@pytest.mark.parametrize(
    ("label", "numbers"),
    [
        ((), [0, 1, 2]),
        ("cat", [0]),
        ("sea lion, cat", [1, 0]),
        (1, [1]),
        ([2, 0], [2, 0]),
        ("1,1,0", [1, 1, 0]),
        ("7", [2]),  # a name goes before a number
        ("none", [3]),
        ("none,2", [3, 2]),
    ],
)
def test_classes_are_given_by_name_or_number(label, numbers):
    sample = fitted(SampleConfig(label=label), TOLD)
    assert label_numbers(sample, TOLD) == numbers


def test_a_network_that_is_told_nothing_has_no_labels():
    assert label_numbers(SampleConfig(), PLAIN) is None


def test_the_variance_is_the_learned_one_where_there_is_one():
    assert fitted(SampleConfig(sampler="ddpm"), PLAIN).variance == "posterior"
    assert fitted(SampleConfig(sampler="ddpm"), LEARNED).variance == "learned"
    assert fitted(SampleConfig(sampler="ddpm", variance="beta"), LEARNED).variance == "beta"


@pytest.mark.parametrize("sampler", get_args(SamplerName))
def test_what_is_left_open_is_filled_in_where_it_is_used_and_stays_open_where_not(sampler):
    sample = fitted(SampleConfig(sampler=sampler, clip="dynamic"), PLAIN)
    assert sample.variance == ("posterior" if sampler == "ddpm" else None)
    assert sample.eta == {"ddim": 0, "euler-ancestral": 1, "dpm++2m-sde": 1}.get(sampler)
    assert sample.threshold_quantile == 0.995
    assert fitted(sample, PLAIN) == sample
    assert fitted(SampleConfig(sampler=sampler), PLAIN).threshold_quantile is None


@pytest.mark.parametrize("sampler", ["ddim", "euler-ancestral", "dpm++2m-sde"])
def test_an_eta_that_is_given_stays(sampler):
    assert fitted(SampleConfig(sampler=sampler, eta=0.3), PLAIN).eta == 0.3


@pytest.mark.parametrize(
    ("values", "config", "field", "words"),
    [
        ({"steps": 51}, PLAIN, "steps", "T = 50; use 1 to 50"),
        (
            {"sampler": "ddpm", "variance": "learned"},
            PLAIN,
            "variance",
            "did not learn one; use posterior or beta",
        ),
        ({"variance": "beta"}, PLAIN, "variance", "beta has no meaning with the sampler ddim"),
        ({"sampler": "heun", "eta": 0.3}, PLAIN, "eta", "use one of ddim, euler-ancestral, dpm++2m-sde"),
        ({"sampler": "ddpm", "eta": 1}, PLAIN, "eta", "1 has no meaning with the sampler ddpm"),
        ({"threshold_quantile": 0.9}, PLAIN, "threshold_quantile", "use clip dynamic"),
        ({"clip": "none", "threshold_quantile": 1}, PLAIN, "threshold_quantile", "with clip none"),
        (
            {"guidance_scale": 2},
            PLAIN,
            "guidance_scale",
            "2 has no meaning, as this network is not told classes",
        ),
        ({"guidance_scale": 2}, ALWAYS_TOLD, "guidance_scale", "label_dropout 0"),
        ({"label": "cat"}, PLAIN, "label", "cat has no meaning, as this network is not told classes"),
        ({"label": "dog"}, TOLD, "label", "no class dog; there are cat, sea lion, 7"),
        (
            {"label": "0,3"},
            TOLD,
            "label",
            "no class 3; there are cat, sea lion, 7 (or their numbers, 0 to 2)",
        ),
        ({"label": "-1"}, TOLD, "label", "no class -1"),
        ({"label": "none"}, ALWAYS_TOLD, "label", "label_dropout 0"),
    ],
)
def test_what_the_network_cannot_do_is_said_at_its_field_in_one_sentence(values, config, field, words):
    sample = SampleConfig(**{"steps": 10, **values})
    assert list(misfits(sample, config)) == [field]
    with pytest.raises(ConfigError, match=rf"^{field}: ([^.]|\d\.\d)*\.$") as error:
        fitted(sample, config)
    assert words in str(error.value)


def test_what_the_network_can_do_has_no_misfits():
    assert misfits(SampleConfig(guidance_scale=3, label="none,cat"), TOLD) == {}
    assert misfits(SampleConfig(variance="learned", sampler="ddpm"), LEARNED) == {}
    assert misfits(SampleConfig(label="cat"), ALWAYS_TOLD) == {}


def test_previews_of_a_network_that_is_told_nothing_are_not_guided():
    with pytest.raises(ConfigError, match=r"previews\.guidance_scale is 3, but only a network that is told"):
        PLAIN.with_values({"previews": {"guidance_scale": 3}})
    assert TOLD.with_values({"previews": {"guidance_scale": 3}}).previews.guidance_scale == 3


@pytest.mark.parametrize("values", [{"clip": "hard"}, {"threshold_quantile": 0}, {"guidance_scale": -1}])
def test_values_out_of_range_are_refused(values):
    with pytest.raises(ValidationError):
        SampleConfig(**values)
