"""Recipes: what is not valid is refused with the field, the value and what is allowed; TOML keeps everything."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddpm.config import Config, ConfigError, sections
from ddpm.config_values import ScheduleName
from ddpm.parameter_count import parameter_count
from ddpm.presets import PRESETS, config_for
from ddpm.recipe_file import from_toml, read_toml, to_toml

SIZES = st.tuples(st.integers(1, 4096), st.integers(1, 4096))
RECIPES = st.builds(
    lambda size, channels, mults, lr, minutes, schedule, seed, source: Config.build(
        {
            "data": {"source": source, "image_size": size, "channels": channels},
            "model": {"dim_mults": mults, "attention_levels": None if len(mults) > 2 else (0,)},
            "diffusion": {"schedule": schedule},
            "train": {"lr": lr, "max_minutes": minutes, "seed": seed},
        }
    ),
    st.none() | SIZES,
    st.none() | st.sampled_from([1, 3, 4]),
    st.lists(st.integers(1, 64), min_size=1, max_size=8),
    st.floats(1e-12, 10),
    st.none() | st.floats(1e-9, 1e9),
    st.sampled_from(get_args(ScheduleName)),
    st.integers(0, 2**63 - 1),
    st.text(st.characters(blacklist_categories=("Cs",)), min_size=1),
)


@given(RECIPES)
def test_toml_keeps_every_value(config):
    assert from_toml(to_toml(config)) == config


def test_the_preset_of_cifar10_has_the_network_of_the_paper():
    config = config_for("cifar10", overrides={"data": {"image_size": (32, 32), "channels": 3}})
    assert parameter_count(config) == 35_746_307  # appendix B says 35.7 million


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid_and_survive_toml(name):
    config = config_for("digits", name)
    assert from_toml(to_toml(config)) == config


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"diffusion": {"T": 0}}, ["diffusion.T", "0", "greater than or equal to 1"]),
        ({"train": {"batch_size": -3}}, ["train.batch_size", "-3"]),
        ({"train": {"stpes": 5}}, ["train.stpes", "no such key", "train.steps"]),
        ({"trian": {}}, ["trian", "no such key", "train"]),
        ({"data": {"channels": 2}}, ["data.channels", "2", "1, 3 or 4"]),
        ({"data": {"image_size": "0x8"}}, ["data.image_size", "0"]),
        ({"train": {"device": "gpu"}}, ["train.device", "'gpu'", "cuda:N"]),
        ({"train": {"lr": float("nan")}}, ["train.lr", "nan", "finite"]),
        ({"model": {"dim_mults": "1,2", "attention_levels": "2"}}, ["attention_levels", "level 2", "0 to 1"]),
        ({"diffusion": {"beta_start": 0.5}}, ["beta_start", "0.5", "0.02"]),
        ({"format": 2}, ["format", "2"]),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(values, expected):
    with pytest.raises(ConfigError) as caught:
        Config().with_values(values, "the options")
    message = str(caught.value)
    assert [word for word in [*expected, "the options"] if word not in message] == []


def test_every_wrong_field_is_told_at_once():
    with pytest.raises(ConfigError) as caught:
        Config().with_values({"train": {"steps": 0}, "diffusion": {"T": "many"}})
    assert "train.steps" in str(caught.value)
    assert "diffusion.T" in str(caught.value)


def test_text_is_read_as_a_command_line_writes_it():
    config = Config().with_values(
        {
            "data": {"image_size": "30x17", "channels": "3"},
            "model": {"dim_mults": "1, 2,4", "attention_levels": ""},
        }
    )
    assert config.data.shape == (3, 30, 17)
    assert config.model.dim_mults == (1, 2, 4)
    assert config.model.attention_levels == ()
    assert Config().with_values({"data": {"image_size": "28"}}).data.image_size == (28, 28)


def test_the_shape_is_asked_for_too_early():
    with pytest.raises(ConfigError, match=r"data\.image_size"):
        _ = Config().data.shape


def test_every_field_says_what_it_is():
    undocumented = [
        f"{section}.{name}"
        for section, model in sections().items()
        for name, field in model.model_fields.items()
        if not field.description
    ]
    assert undocumented == []


def test_a_recipe_cannot_be_changed_in_place():
    with pytest.raises(ValueError, match="frozen"):
        Config().train.steps = 5


@pytest.mark.parametrize(
    ("content", "word"), [(b"a = [", "TOML"), (b"\xff\xfe", "UTF-8"), (None, "No such file")]
)
def test_a_file_that_is_no_recipe(tmp_path, content, word):
    path = tmp_path / "recipe.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=word) as caught:
        read_toml(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"diffusion": {"zero_terminal_snr": True, "prediction": "v", "loss_weight": "min-snr"}},
            "cannot go with loss_weight min-snr: that weight is 0 where nothing of the image is left",
        ),
        (
            {
                "model": {"class_conditional": True},
                "train": {"label_dropout": 0},
                "previews": {"guidance_scale": 3},
            },
            "with train.label_dropout 0 the network never learns to draw without a class",
        ),
    ],
)
def test_what_would_fail_only_later_is_refused_at_once(values, words):
    with pytest.raises(ConfigError, match=words):
        Config.build(values)
