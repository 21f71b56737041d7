"""A person's own presets: recipes without a data set, one TOML file each, beside the settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from ddpm.config import Config, merge
from ddpm.errors import ConfigError, DDPMError
from ddpm.files import replace_file
from ddpm.presets import PRESETS, current_name, preset_for
from ddpm.recipe_file import read_toml
from ddpm.runs import check_name
from ddpm.spelling import hint
from studio.settings import settings_path


def presets_folder() -> Path:
    """Where they are: the folder ``presets`` beside the settings."""
    return settings_path().parent / "presets"


def own_presets() -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The values of each by its name, and what is wrong with those that cannot be used."""
    found: dict[str, dict[str, Any]] = {}
    problems = []
    for path in sorted(presets_folder().glob("*.toml")):
        try:
            _check_file(path)
            found[path.stem] = _read(path)
        except ConfigError as error:
            problems.append(str(error))
    return found, problems


def _check_file(path: Path) -> None:
    try:
        check_preset_name(path.stem)
    except ConfigError as error:
        raise ConfigError(f"The preset {path} cannot be used: {error}") from None


def _read(path: Path) -> dict[str, Any]:
    values = read_toml(path)
    starting_recipe(values, "folder", str(path))
    return values


def preset_values(name: str) -> dict[str, Any]:
    """The values of a preset that comes with the program or is one's own. Raises ConfigError that lists them all."""
    name = current_name(name)
    if name in PRESETS:
        return PRESETS[name]
    path = presets_folder() / f"{name}.toml"
    if name in {known.stem for known in presets_folder().glob("*.toml")}:
        return _read(path)
    names = [*PRESETS, *own_presets()[0]]
    raise ConfigError(
        f"There is no preset named {name!r}.{hint(name, names)} There are: {', '.join(names)}. Your own are kept in "
        f"{presets_folder()}."
    )


def starting_recipe(values: Mapping[str, Any], source: str, origin: str = "") -> Config:
    """The recipe that a preset's values make of a data set. Raises ConfigError."""
    return Config.build(merge(dict(values), {"data": {"source": source}}), origin)


def preset_recipe(source: str, preset: str | None) -> Config:
    """The recipe for a data set by a preset of that name, or else by the one that suits it. Raises ConfigError."""
    return starting_recipe(preset_values(preset or preset_for(source)), source)


def check_preset_name(name: str) -> None:
    """Raise ConfigError unless a preset of one's own can have this name."""
    if current_name(name) in PRESETS:
        raise ConfigError(f"{name} comes with the program; choose another name.")
    try:
        check_name(name)
    except DDPMError:
        raise ConfigError(
            f"{name!r} cannot be the name of a preset: use 1 to 80 letters, digits, '.', '_' and '-', beginning with "
            "a letter or digit."
        ) from None


def values_to_keep(config: Config) -> dict[str, Any]:
    """What of a recipe a preset is: all but the data set, what was learned from it and what happened to a run."""
    left_out = {"changes": True, "data": {"source", "class_names"}}
    return config.model_dump(mode="json", exclude_none=True, exclude=left_out)  # type: ignore[arg-type]


def save_preset(name: str, config: Config) -> Path:
    """Write a preset, in place of one of this name; returns its file. Raises ConfigError."""
    check_preset_name(name)
    path = presets_folder() / f"{name}.toml"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, tomli_w.dumps(values_to_keep(config)).encode())
    except OSError as error:
        raise ConfigError(f"The preset cannot be written to {path}: {error.strerror}.") from None
    return path
