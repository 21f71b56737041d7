"""What a person has set for good, in one file of TOML: how the app behaves, not what a run is made of.

A new setting is one field below, with a default and a description; `ddpm-studio settings` shows it at once.
"""

import os
import textwrap
import tomllib
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ddpm.errors import ConfigError
from ddpm.spelling import nearest

OnHangup = Literal["continue", "stop"]
ImageProtocol = Literal["auto", "kitty", "sixel", "half", "none"]
# A setting on_hangup is also taken from the environment variable DDPM_STUDIO_ON_HANGUP, and so are all but tables.
ENVIRONMENT_PREFIX = "DDPM_STUDIO_"


class Settings(BaseModel):
    """Every setting, its meaning and its default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    on_hangup: OnHangup = Field(
        "continue",
        description="what training does when its terminal goes away (a dropped SSH line, a closed window): it goes on "
        "without one, or it saves a checkpoint and stops",
    )
    theme: str = Field(
        "studio",
        description="the colours of the app; the command palette (ctrl+p) shows every theme there is",
    )
    images: ImageProtocol = Field("auto", description="how the app shows pictures; auto asks the terminal")
    picture_bytes: int = Field(
        64_000,
        ge=1_000,
        description="bytes a second that pictures may take at most on the way to the terminal; for more, they are sent "
        "in fewer colours, then smaller, then as half cells",
    )
    ascii: bool = Field(
        False, description="whether the app draws with the characters of ASCII only, pictures included"
    )
    animations: bool = Field(True, description="whether the app scrolls and fades smoothly, or at once")
    keymap: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="your own keys, by screen and action, several with commas between them; those not named here "
        "stay as they are",
    )


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
    _checked(values, f"The settings {path} are")
    return _checked(
        {**values, **_from_environment()}, f"The environment's {ENVIRONMENT_PREFIX}* settings are"
    )


def _from_environment() -> dict[str, str]:
    return {
        name: value
        for name in Settings.model_fields
        if name != "keymap" and (value := os.environ.get(ENVIRONMENT_PREFIX + name.upper()))
    }


def _checked(values: dict[str, Any], what: str) -> Settings:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(_problem(problem) for problem in error.errors(include_url=False))
        raise ConfigError(f"{what} not valid: {problems}.") from None


def settings_or_defaults() -> tuple[Settings, str]:
    """The settings, and why they are the defaults where their file is broken: nobody is kept from work by it."""
    try:
        return read_settings(), ""
    except ConfigError as error:
        return Settings(), f"{error} The defaults are used."


def as_toml(settings: Settings) -> str:
    """Every setting with its meaning and its default, as a file that can be saved in place of the old one."""
    import tomli_w  # nothing on the way to the first paint needs it

    plain = [name for name in Settings.model_fields if not isinstance(getattr(settings, name), dict)]
    tables = [name for name in Settings.model_fields if name not in plain]
    values = settings.model_dump(mode="json", exclude_none=True)
    parts = []
    for name in [*plain, *tables]:  # a key after a table would belong to the table
        field = Settings.model_fields[name]
        meaning = f"{name}: {field.description}.{_allowed(field.annotation)}"
        comment = textwrap.fill(meaning, 100, initial_indent="# ", subsequent_indent="# ")
        default = tomli_w.dumps({name: field.get_default(call_default_factory=True)}).strip()
        told = "" if name in tables else f"# Default: {default}\n"
        written = tomli_w.dumps({name: values[name]}) if values.get(name) != {} else ""
        parts.append(f"{comment}\n{told}{written}")
    return "\n".join(parts)


def _allowed(annotation: Any) -> str:
    if get_origin(annotation) is not Literal:
        return ""
    return f" One of {', '.join(repr(choice) for choice in get_args(annotation))}."


def _problem(problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        near = nearest(key, Settings.model_fields)
        return f"there is no key {key}" + (f"; did you mean {near}?" if near else "")
    return f"{key} is {problem['input']!r:.200}: {problem['msg'].replace('Input', 'it', 1)}"
