"""Settings: documented where they are read, told where they are wrong, and never in anybody's way."""

import tomllib

import pytest

from ddpm.errors import ConfigError
from studio.cli import main
from studio.settings import SETTINGS, Settings, as_toml, read_settings, settings_or_defaults, settings_path


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "settings.toml"
    monkeypatch.setenv("DDPM_STUDIO_SETTINGS", str(path))
    return path


def test_without_a_file_there_are_defaults(file):
    assert read_settings() == Settings()
    assert settings_or_defaults() == (Settings(), "")


def test_the_file_is_in_the_users_configuration_unless_said_otherwise(file, monkeypatch, tmp_path):
    assert settings_path() == file
    monkeypatch.delenv("DDPM_STUDIO_SETTINGS")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert settings_path().parts[-2:] == ("ddpm-studio", "settings.toml")


def test_what_is_set_holds(file):
    file.write_text('on_hangup = "stop"\n')
    assert read_settings().on_hangup == "stop"


def test_the_environment_comes_before_the_file(file, monkeypatch):
    file.write_text('theme = "nord"\nascii = true\n')
    monkeypatch.setenv("DDPM_STUDIO_THEME", "dracula")
    assert (read_settings().theme, read_settings().ascii) == ("dracula", True)
    monkeypatch.setenv("DDPM_STUDIO_ASCII", "perhaps")
    with pytest.raises(ConfigError, match=r"environment's .* not valid: ascii is 'perhaps'"):
        read_settings()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('on_hangup = "explode"', "on_hangup is 'explode': it should be 'continue' or 'stop'"),
        ('on_hangups = "stop"', "there is no key on_hangups; did you mean on_hangup?"),
        ("on_hangup =", "not valid TOML"),
        ("\xff", "not valid TOML"),
    ],
)
def test_a_broken_file_is_told_with_its_name_and_the_defaults_are_used(file, text, told):
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"settings\.toml") as raised:
        read_settings()
    assert told in str(raised.value)
    settings, problem = settings_or_defaults()
    assert settings == Settings()
    assert problem.endswith("The defaults are used.")


def test_the_command_prints_a_file_that_can_be_saved(file, capsys):
    assert main(["settings"]) == 0
    printed = capsys.readouterr().out
    assert f"{file} (it is not there yet" in printed
    file.write_text(printed)
    assert read_settings() == Settings()
    file.write_text('on_hangup = "stop"\n')
    assert main(["settings"]) == 0
    assert tomllib.loads(capsys.readouterr().out)["on_hangup"] == "stop"


def test_the_command_shows_the_defaults_where_the_file_is_broken(file, capsys):
    file.write_text('on_hangup = "explode"\n')
    assert main(["settings"]) == 2
    shown = capsys.readouterr()
    assert "on_hangup is 'explode'" in shown.err
    assert f"{file} is broken, so these are the defaults" in shown.out
    assert tomllib.loads(shown.out)["on_hangup"] == "continue"


def test_every_setting_is_described():
    text = as_toml(Settings())
    for name, setting in SETTINGS.items():
        assert setting.metadata["description"]
        assert f"# {name}: " in text
