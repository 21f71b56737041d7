"""Command-line options made from the recipe's models: every field is ``--section.field``, some have a short name."""

import argparse
from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from annotated_types import Ge, Gt, Le, Lt
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from ddpm.config import field_problems
from ddpm.config_values import Section
from ddpm.errors import ConfigError
from ddpm.tensor_files import WHY_NOT_A_PICKLE, is_pickle

Model = TypeVar("Model", bound=Section)

SHORT_NAMES = {
    "train.steps": "--steps",
    "train.max_minutes": "--max-minutes",
    "train.batch_size": "--batch-size",
    "train.seed": "--seed",
    "train.device": "--device",
    "train.checkpoint_every": "--checkpoint-every",
    "previews.every": "--preview-every",
}


def add_recipe_options(parser: argparse.ArgumentParser, sections: Mapping[str, type[Section]]) -> None:
    """Give the parser an option for every field of every section; what is not given is absent afterwards."""
    for section, model in sections.items():
        group = parser.add_argument_group(section, (model.__doc__ or "").strip())
        for name, field in model.model_fields.items():
            dotted = f"{section}.{name}"
            if dotted in ("data.source", "data.class_names"):  # named outright; found in the data set
                continue
            flags = [SHORT_NAMES[dotted]] if dotted in SHORT_NAMES else []
            _add(group, [*flags, f"--{dotted}"], dotted, field)


def add_model_options(parser: argparse.ArgumentParser, model: type[Section]) -> None:
    """Give the parser an option ``--field`` for every field of one model."""
    for name, field in model.model_fields.items():
        _add(parser, [f"--{name.replace('_', '-')}"], name, field)


def step_number(text: str) -> int:
    """The step of a checkpoint, as an option names it. Raises ArgumentTypeError."""
    if is_pickle(text):
        raise argparse.ArgumentTypeError(f"{text} {WHY_NOT_A_PICKLE}")
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not the step of a checkpoint: give a whole number")
    return int(text)


def given_values(
    arguments: argparse.Namespace, sections: Mapping[str, type[Section]]
) -> dict[str, dict[str, str]]:
    """The recipe options that were given, nested by section, still as text: validating them is the recipe's."""
    values: dict[str, dict[str, str]] = {}
    for section, model in sections.items():
        for name in model.model_fields:
            if (text := getattr(arguments, f"{section}.{name}", None)) is not None:
                values.setdefault(section, {})[name] = text
    return values


def model_of(model: type[Model], given: Mapping[str, Any]) -> Model:
    """A model from the options that ``add_model_options`` made, as text; what is None takes its default.

    Raises ConfigError.
    """
    try:
        return model.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise wrong_options(field_problems(error)) from None


def wrong_options(problems: Mapping[str, str]) -> ConfigError:
    """What is wrong with the options that ``add_model_options`` made, by field: a sentence for each, as it is typed."""
    named = [
        f"--{place.partition('.')[0].replace('_', '-')}: {problem}" if place else problem
        for place, problem in problems.items()
    ]
    return ConfigError("\n".join(named))


def allowed(field: FieldInfo) -> str:
    """What a field may hold, for people: its choices, or its range; empty where its type says it all."""
    if named := choices(field.annotation):
        return ", ".join(named)
    limits = [*field.metadata, *_inner_limits(field.annotation)]
    low = next((m for m in limits if isinstance(m, Ge | Gt)), None)
    high = next((m for m in limits if isinstance(m, Le | Lt)), None)
    words = []
    if isinstance(low, Ge):
        words.append(f"at least {low.ge}")
    if isinstance(low, Gt):
        words.append(f"above {low.gt}")
    if isinstance(high, Le):
        words.append(f"at most {high.le}")
    if isinstance(high, Lt) and high.lt != 2**63:
        words.append(f"below {high.lt}")
    return ", ".join(words)


def _inner_limits(annotation: Any) -> list[Any]:
    """The limits of a value that may be unset, or of each in a list."""
    own = [
        limit for info in getattr(annotation, "__metadata__", ()) for limit in getattr(info, "metadata", ())
    ]
    return own + [limit for part in get_args(annotation) for limit in _inner_limits(part)]


def choices(annotation: Any) -> list[str]:
    """The words that a value of this type can be; none where it is typed."""
    if hasattr(annotation, "__metadata__"):
        annotation = annotation.__origin__
    if annotation is bool:
        return ["true", "false"]
    arguments = getattr(annotation, "__args__", ())
    if all(isinstance(argument, str | int) for argument in arguments):
        return [str(argument) for argument in arguments]
    inner = [choice for argument in arguments for choice in choices(argument)]
    return inner


def _add(parser: Any, flags: list[str], dest: str, field: FieldInfo) -> None:
    default = default_words(field)
    notes = [note for note in (allowed(field), default and f"default {default}") if note]
    text = f"{field.description} ({'; '.join(notes)})" if notes else str(field.description)
    parser.add_argument(
        *flags, dest=dest, default=None, metavar=_metavar(field), help=text.replace("%", "%%")
    )


def default_words(field: FieldInfo) -> str:
    """What a field is where nobody says; empty where that is nothing."""
    value = field.get_default(call_default_factory=True)
    if value in (None, ()):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _metavar(field: FieldInfo) -> str:
    if named := choices(field.annotation):
        return "NAME" if not named[0].isdecimal() else "N"
    words = str(field.annotation)
    return "N" if "int" in words else "X" if "float" in words else "VALUE"
