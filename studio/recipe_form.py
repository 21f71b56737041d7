"""The form for a new run, without its screen: fields, what they are filled with, and what they add up to."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import ValidationError

from ddpm.config import Config, DiffusionConfig, field_problems, merge, sections
from ddpm.presets import preset_for, preset_values
from ddpm.train_config import TrainConfig
from studio.options import SHORT_NAMES


@dataclass(frozen=True)
class FormField:
    """One line of the form. ``dotted`` names the recipe's field; with ``choices`` it is picked, not typed."""

    dotted: str
    label: str
    choices: tuple[str, ...] = ()
    folder_only: bool = False
    allowed: str = "0123456789"

    @property
    def id(self) -> str:
        return self.dotted.replace(".", "-")

    @property
    def help(self) -> str:
        """The description of the recipe's field."""
        section, _, name = self.dotted.partition(".")
        return sections()[section].model_fields[name].description or ""


FIELDS: tuple[FormField, ...] = (
    FormField("data.image_size", "Image size", folder_only=True, allowed="0123456789x"),
    FormField(
        "diffusion.schedule", "Noise schedule", get_args(DiffusionConfig.model_fields["schedule"].annotation)
    ),
    FormField(
        "diffusion.prediction", "Predicts", get_args(DiffusionConfig.model_fields["prediction"].annotation)
    ),
    FormField("diffusion.T", "Diffusion steps T"),
    FormField("train.steps", "Training steps"),
    FormField("train.batch_size", "Batch size"),
    FormField("train.lr", "Learning rate", allowed="0123456789.e-"),
    FormField("model.dim", "Width (dim)"),
    FormField("model.dim_mults", "Levels (mults)", allowed="0123456789, "),
    FormField("diffusion.loss", "Loss", get_args(DiffusionConfig.model_fields["loss"].annotation)),
    FormField("train.seed", "Seed"),
    FormField("previews.every", "Preview every"),
    FormField("train.checkpoint_every", "Checkpoint every"),
    FormField("train.precision", "Precision", get_args(TrainConfig.model_fields["precision"].annotation)),
    FormField("train.device", "Device", allowed=""),
)


@dataclass(frozen=True)
class Draft:
    """What the form says now: a recipe, or what is wrong with each field by its dotted name."""

    config: Config | None
    problems: Mapping[str, str]


def starting_texts(source: str, start: Mapping[str, Any]) -> dict[str, str]:
    """What the values that one starts from, a preset's or another run's, put into the fields."""
    config = Config.build(merge(dict(start), {"data": {"source": source or "folder"}}))
    return {field.dotted: _text(_value(config, field.dotted)) for field in FIELDS}


def draft(source: str, start: Mapping[str, Any], texts: Mapping[str, str]) -> Draft:
    """Validate the form. A field that is left empty, and what has no field, is as in ``start``."""
    if not source.strip():
        return Draft(None, {"data.source": "name a folder of images"})
    given = _nested({dotted: text.strip() for dotted, text in texts.items() if text.strip()})
    values = merge(merge(dict(start), {"data": {"source": source.strip()}}), given)
    try:
        return Draft(Config.model_validate(values), {})
    except ValidationError as error:
        return Draft(None, field_problems(error))


def values_like(config: Config) -> dict[str, Any]:
    """The values of another run to start from: without what happened to it, and what was learned from its data."""
    return config.model_dump(exclude={"changes": True, "data": {"class_names"}})


def command(config: Config, preset: str, name: str, options: Sequence[str] = ()) -> str:
    """The command line that makes the same run. ``options`` go at its end: other places, a download."""
    source = config.data.source
    usual = Config.build(merge(preset_values(preset), {"data": {"source": source}}))
    words = ["ddpm-studio", "train", source]
    if preset != preset_for(source):
        words += ["--preset", preset]
    for section, model in sections().items():
        for field in model.model_fields:
            dotted = f"{section}.{field}"
            value = _value(config, dotted)
            if (
                dotted not in ("data.source", "data.class_names")
                and value is not None
                and value != _value(usual, dotted)
            ):
                words += [SHORT_NAMES.get(dotted, f"--{dotted}"), _text(value)]
    return shlex.join([*words, "--name", name, *options])


def _value(config: Config, dotted: str) -> Any:
    section, _, name = dotted.partition(".")
    return getattr(getattr(config, section), name)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _nested(values: Mapping[str, str]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for dotted, text in values.items():
        section, _, name = dotted.partition(".")
        nested.setdefault(section, {})[name] = text
    return nested
