"""Recipes as TOML files."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tomli_w

from ddpm.config import Config
from ddpm.errors import ConfigError


def to_toml(config: Config) -> str:
    """The recipe as TOML. Unset fields are left out, as TOML has no null, and so are no changes."""
    values = config.model_dump(mode="json", exclude_none=True)
    if not config.changes:
        del values["changes"]
    return tomli_w.dumps(values)


def from_toml(text: str, origin: str = "") -> Config:
    """Read a recipe. Raises ConfigError where the TOML or a value is wrong."""
    return Config.build(parse_toml(text, origin), origin)


def parse_toml(text: str, origin: str = "") -> dict[str, Any]:
    """TOML as a nested dictionary, not validated yet. Raises ConfigError where it does not parse."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{origin or 'The recipe'} is not valid TOML: {error}.") from None


def read_toml(path: Path, read: Callable[[Path], bytes] = Path.read_bytes) -> dict[str, Any]:
    """A recipe file as a nested dictionary, not validated yet. Raises ConfigError with the reason."""
    try:
        return parse_toml(read(path).decode(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise ConfigError(f"Cannot read the recipe {path}: {reason}.") from None
