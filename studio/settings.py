"""What a person has set for good, in one file of TOML: how the app behaves, not what a run is made of.

A new setting is one field below, with a default and a description; `ddpm-studio settings` shows it at once.
"""

import os
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import Field, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import platformdirs

from ddpm.errors import ConfigError
from ddpm.spelling import nearest

OnHangup = Literal["continue", "stop"]
ImageProtocol = Literal["auto", "kitty", "sixel", "half", "none"]
# A setting on_hangup is also taken from the environment variable DDPM_STUDIO_ON_HANGUP, and so are all but tables.
ENVIRONMENT_PREFIX = "DDPM_STUDIO_"
_TRUTHS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
_KIND_WORDS: dict[Any, str] = {str: "a text", int: "a whole number", bool: "true or false"}


# Checked by hand: pydantic takes as long to import as a fifth of the way to the first paint.
@dataclass(frozen=True)
class Settings:
    """Every setting, its meaning and its default."""

    on_hangup: OnHangup = field(
        default="continue",
        metadata={
            "description": "what training does when its terminal goes away (a dropped SSH line, a closed window): it "
            "goes on without one, or it saves a checkpoint and stops"
        },
    )
    theme: str = field(
        default="studio",
        metadata={
            "description": "the colours of the app; the command palette (ctrl+p) shows every theme there is"
        },
    )
    images: ImageProtocol = field(
        default="auto", metadata={"description": "how the app shows pictures; auto asks the terminal"}
    )
    picture_bytes: int = field(
        default=64_000,
        metadata={
            "description": "bytes a second that pictures may take at most on the way to the terminal; for more, they "
            "are sent in fewer colours, then smaller, then as half cells",
            "least": 1_000,
        },
    )
    ascii: bool = field(
        default=False,
        metadata={
            "description": "whether the app draws with the characters of ASCII only, pictures included"
        },
    )
    animations: bool = field(
        default=True, metadata={"description": "whether the app scrolls and fades smoothly, or at once"}
    )
    keymap: dict[str, dict[str, str]] = field(
        default_factory=dict,
        metadata={
            "description": "your own keys, by screen and action, several with commas between them; those not named "
            "here stay as they are"
        },
    )


SETTINGS: dict[str, Field[Any]] = {setting.name: setting for setting in fields(Settings)}


def settings_path() -> Path:
    """$DDPM_STUDIO_SETTINGS, else settings.toml in the user's configuration directory for ddpm-studio."""
    given = os.environ.get("DDPM_STUDIO_SETTINGS")
    return (
        Path(given).expanduser() if given else platformdirs.user_config_path("ddpm-studio") / "settings.toml"
    )


def read_settings(path: Path | None = None) -> Settings:
    """The settings: of the environment where it has them, else of the file, else the defaults.

    Raises ConfigError that names the file or the variable, each key that is wrong, its value and what is allowed.
    """
    path = path or settings_path()
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        values = {}
    except OSError as error:
        raise ConfigError(f"Cannot read the settings {path}: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"The settings {path} are not valid TOML: {error}.") from None
    given = _from_environment()
    _refuse(_problems(values), f"The settings {path} are")
    _refuse(_problems(given), f"The environment's {ENVIRONMENT_PREFIX}* settings are")
    return Settings(**{**values, **given})


def _from_environment() -> dict[str, Any]:
    return {
        name: _parsed(value, setting.type)
        for name, setting in SETTINGS.items()
        if name != "keymap" and (value := os.environ.get(ENVIRONMENT_PREFIX + name.upper()))
    }


def _parsed(text: str, kind: Any) -> Any:
    """The value that a text of the environment stands for; the text itself where it is none, to be told of."""
    if kind is bool:
        return _TRUTHS.get(text.strip().lower(), text)
    if kind is int:
        try:
            return int(text)
        except ValueError:
            return text
    return text


def _problems(values: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the values of settings, each in some words."""
    for name, value in values.items():
        if name not in SETTINGS:
            near = nearest(name, SETTINGS)
            yield f"there is no key {name}" + (f"; did you mean {near}?" if near else "")
        elif name == "keymap":
            yield from _problems_of_keys(value)
        elif wanted := _wanted(value, SETTINGS[name]):
            yield _problem(name, value, wanted)


def _problems_of_keys(keymap: Any) -> Iterator[str]:
    if not isinstance(keymap, dict):
        yield _problem("keymap", keymap, "a table of screens")
        return
    for place, keys in keymap.items():
        if not isinstance(keys, dict):
            yield _problem(f"keymap.{place}", keys, "a table of actions and their keys")
            continue
        for action, key in keys.items():
            if not isinstance(key, str):
                yield _problem(f"keymap.{place}.{action}", key, "a text")


def _problem(name: str, value: Any, wanted: str) -> str:
    return f"{name} is {value!r:.200}: it should be {wanted}"


def _wanted(value: Any, setting: Field[Any]) -> str:
    """What the value of a setting should be; empty where it is that."""
    if choices := get_args(setting.type):
        return "" if value in choices else " or ".join(repr(choice) for choice in choices)
    if type(value) is not setting.type:  # True is no number here
        return _KIND_WORDS[setting.type]
    least = setting.metadata.get("least")
    return "" if least is None or value >= least else f"at least {least}"


def _refuse(problems: Iterator[str], what: str) -> None:
    if told := "; ".join(problems):
        raise ConfigError(f"{what} not valid: {told}.")


def settings_or_defaults() -> tuple[Settings, str]:
    """The settings, and why they are the defaults where their file is broken: nobody is kept from work by it."""
    try:
        return read_settings(), ""
    except ConfigError as error:
        return Settings(), f"{error} The defaults are used."


def as_toml(settings: Settings) -> str:
    """Every setting with its meaning and its default, as a file that can be saved in place of the old one."""
    import tomli_w  # nothing on the way to the first paint needs it

    values = asdict(settings)
    plain = [name for name, value in values.items() if not isinstance(value, dict)]
    tables = [name for name in values if name not in plain]
    parts = []
    for name in [*plain, *tables]:  # a key after a table would belong to the table
        meaning = f"{name}: {SETTINGS[name].metadata['description']}.{_allowed(SETTINGS[name].type)}"
        comment = textwrap.fill(meaning, 100, initial_indent="# ", subsequent_indent="# ")
        default = tomli_w.dumps({name: SETTINGS[name].default}).strip() if name in plain else ""
        told = f"# Default: {default}\n" if default else ""
        written = tomli_w.dumps({name: values[name]}) if values[name] != {} else ""
        parts.append(f"{comment}\n{told}{written}")
    return "\n".join(parts)


def _allowed(annotation: Any) -> str:
    if get_origin(annotation) is not Literal:
        return ""
    return f" One of {', '.join(repr(choice) for choice in get_args(annotation))}."
