"""A person's own presets: kept beside the settings, found by the form and by the command line."""

import pytest

from ddpm.config import Config
from ddpm.errors import ConfigError
from ddpm.presets import EXPERIENCES, NEED_A_GPU, PRESETS, config_for
from studio.cli import build_parser
from studio.commands.train import recipe
from studio.user_presets import check_preset_name, own_presets, preset_recipe, save_preset


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DDPM_STUDIO_SETTINGS", str(tmp_path / "settings.toml"))
    return tmp_path / "presets"


def test_a_saved_preset_makes_the_same_recipe_of_any_data_set(folder):
    config = config_for(
        "mnist", None, {"model": {"dropout": 0.2}, "data": {"class_names": ["a"], "flip": True}}
    )
    assert save_preset("mine", config) == folder / "mine.toml"
    made = preset_recipe("digits", "mine")
    assert (made.data.source, made.data.class_names, made.data.flip) == ("digits", (), True)
    assert [getattr(made, name) for name in ("model", "diffusion", "train", "previews")] == [
        getattr(config, name) for name in ("model", "diffusion", "train", "previews")
    ]


def test_the_command_line_finds_it_and_tells_of_all_where_it_does_not():
    save_preset("mine", Config.build({"train": {"steps": 7}}))
    words = ["train", "digits", "--preset", "mine", "--batch-size", "3"]
    made = recipe(build_parser(words).parse_args(words))
    assert (made.train.steps, made.train.batch_size) == (7, 3)
    for name in ("yours", "../presets/mine"):
        words[3] = name
        with pytest.raises(ConfigError, match=r"There are: digits.*, mine\. Your own"):
            recipe(build_parser(words).parse_args(words))


def test_a_broken_preset_is_told_and_the_others_are_there(folder):
    save_preset("mine", Config())
    (folder / "bad.toml").write_text("[train]\nsteps = 0\n")
    (folder / "worse.toml").write_text("[train")
    (folder / "digits.toml").write_text("")
    found, problems = own_presets()
    assert list(found) == ["mine"]
    assert [name for name in ("bad.toml", "worse.toml", "digits.toml") for told in problems if name in told] == [
        "bad.toml", "worse.toml", "digits.toml",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["digits", "a/b", ""])
def test_a_name_that_is_taken_or_no_name_is_refused(name, folder):
    with pytest.raises(ConfigError):
        save_preset(name, Config())
    assert not folder.exists()


def test_where_it_cannot_be_written_is_told(folder):
    folder.write_text("a file")
    with pytest.raises(ConfigError, match="cannot be written to"):
        save_preset("mine", Config())


def test_what_was_measured_is_of_presets_that_there_are():
    assert set(EXPERIENCES) | set(NEED_A_GPU) <= set(PRESETS)
    assert not set(EXPERIENCES) & set(NEED_A_GPU)


def test_a_preset_is_found_by_the_name_that_it_once_had():
    assert preset_recipe("cats", "folder") == preset_recipe("cats", "folder-64") == config_for("cats")
    with pytest.raises(ConfigError, match="comes with the program"):
        check_preset_name("folder")
