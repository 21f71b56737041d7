"""The form for a new run, without its screen: what it is filled with, what it adds up to, and the same as a command."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ddpm.config import Config, DataConfig, field_problems, merge, sections
from ddpm.presets import preset_for
from studio.options import SHORT_NAMES
from studio.recipe_fields import FIELDS, texts_of, values_of
from studio.user_presets import starting_recipe

# Of a recipe that is no option of its own: it is named outright, or found in the data set.
_NO_OPTIONS = ("data.source", "data.class_names")


@dataclass(frozen=True)
class Draft:
    """What the form says now: a recipe, or what is wrong, by dotted names of fields, and by sections.

    ``data`` is its section on the data set where that at least is right.
    """

    config: Config | None
    data: DataConfig | None
    problems: Mapping[str, str]


def starting_texts(source: str, start: Mapping[str, Any]) -> dict[str, str]:
    """What the values that one starts from, a preset's or another run's, put into the fields."""
    return texts_of(starting_recipe(start, source or "folder"))


def draft(source: str, texts: Mapping[str, str]) -> Draft:
    """Validate the form, with a text for each of FIELDS."""
    problems = {
        field.dotted: f"it needs a value, such as {field.default}"
        for field in FIELDS
        if not (texts[field.dotted].strip() or field.is_optional or field.is_list)
    }
    if not source.strip():
        problems["data.source"] = "name a folder of images, an array file, or hf:owner/name"
    values = merge(values_of(texts), {"data": {"source": source.strip() or "folder"}})
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        found = {_place(name, text): text for name, text in field_problems(error).items()}
        config, problems = None, found | problems
    is_data_right = not any(name.partition(".")[0] == "data" for name in problems)
    data = DataConfig.model_validate(values["data"]) if is_data_right else None
    return Draft(None if problems else config, data, problems)


def _place(name: str, text: str) -> str:
    """Where a problem is shown: what is wrong between two sections stands at the one that the words name first."""
    if name:
        return name
    return min(sections(), key=lambda section: text.find(f"{section}.") % (len(text) + 1))


def values_like(config: Config) -> dict[str, Any]:
    """The values of another run to start from: without what happened to it, and what was learned from its data."""
    return config.model_dump(exclude={"changes": True, "data": {"class_names"}})


def command(
    config: Config, preset: tuple[str, Mapping[str, Any]], name: str, options: Sequence[str] = ()
) -> str:
    """The command line that makes the same run. ``preset``: the name and the values of one to start from.

    ``options`` go at its end: other places, a download.
    """
    source = config.data.source
    usual = starting_recipe(preset[1], source)
    words = ["ddpm-studio", "train", source]
    if preset[0] != preset_for(source):
        words += ["--preset", preset[0]]
    for section, model in sections().items():
        for field in model.model_fields:
            dotted = f"{section}.{field}"
            value = _value(config, dotted)
            if dotted in _NO_OPTIONS or value == _value(usual, dotted):
                continue
            if value is None:
                # No option unsets what the preset sets.
                return file_command("recipe.toml", name, options)
            words += [SHORT_NAMES.get(dotted, f"--{dotted}"), _text(value)]
    return shlex.join([*words, "--name", name, *options])


def file_command(path: str, name: str, options: Sequence[str] = ()) -> str:
    """The command line that trains the recipe of a file."""
    return shlex.join(["ddpm-studio", "train", "--config", path, "--name", name, *options])


def _value(config: Config, dotted: str) -> Any:
    section, _, name = dotted.partition(".")
    return getattr(getattr(config, section), name)


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
