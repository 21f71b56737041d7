"""Every field of a recipe as a line of a form: made from the recipe's own models, which say all there is to know."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from ddpm.config import Config, sections
from studio.options import allowed, choices, default_words

# Said elsewhere in the form, or found in the data set.
_NOT_HERE = ("data.source", "data.class_names")
# What most people set; the others are folded below these.
_COMMON = {
    "data.image_size": "Image size",
    "model.dim": "Width (dim)",
    "model.dim_mults": "Levels (mults)",
    "model.class_conditional": "Told the classes",
    "diffusion.schedule": "Noise schedule",
    "diffusion.prediction": "Predicts",
    "diffusion.T": "Diffusion steps T",
    "diffusion.loss": "Loss",
    "train.steps": "Training steps",
    "train.batch_size": "Batch size",
    "train.lr": "Learning rate",
    "train.seed": "Seed",
    "train.device": "Device",
    "previews.every": "Preview every",
}
# What a field that is left empty stands for; where this is silent, for none.
_EMPTY = {
    "data.image_size": "the set's own",
    "data.channels": "the set's own",
    "data.workers": "as suits here",
    "model.attention_levels": "the last level",
    "diffusion.beta_start": "the schedule's",
    "diffusion.beta_end": "the schedule's",
    "train.max_minutes": "no limit",
    "train.microbatch": "all at once",
}
SECTION_NAMES = {
    "data": "Data",
    "model": "Model",
    "diffusion": "Noise",
    "train": "Training",
    "previews": "Previews",
}
_DIGITS = "0123456789"
_SIZE, _SIZE_KEYS = "data.image_size", f"{_DIGITS}x"
_YES_NO = {"true": "yes", "false": "no"}
UNSET, NONE = "", "none"


@dataclass(frozen=True)
class FormField:
    """One line of the form. ``dotted`` names the recipe's field; with ``choices`` it is picked, not typed.

    ``keys``: the characters that it takes; empty takes any. ``range``: what it may be, in words. ``empty``: what it
    means where nothing is in it, in words; empty where something has to be.
    """

    dotted: str
    label: str
    help: str
    range: str
    default: str
    empty: str
    choices: tuple[str, ...]
    keys: str
    is_common: bool
    is_optional: bool
    is_list: bool

    @property
    def id(self) -> str:
        """What its widget is called."""
        return self.dotted.replace(".", "-")

    @property
    def section(self) -> str:
        """The section of the recipe that it belongs to."""
        return self.dotted.partition(".")[0]

    @property
    def words(self) -> str:
        """All that a person need know of it, on a line or two."""
        notes = [self.range, f"default {self.default}" if self.default else ""]
        told = "; ".join(note for note in notes if note)
        return f"{self.dotted}: {self.help}" + (f" ({told})" if told else "")

    def text(self, config: Config) -> str:
        """What a recipe puts into it."""
        value = getattr(getattr(config, self.section), self.dotted.partition(".")[2])
        if value is None:
            return UNSET
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, tuple):
            empty = NONE if self.is_optional else ""
            return ("x" if self.dotted == _SIZE else ",").join(map(str, value)) or empty
        return str(value)

    def value(self, text: str) -> Any:
        """What a text in it means, not validated yet."""
        text = text.strip()
        if self.is_list and text == NONE:
            return ()
        return None if text == UNSET and self.is_optional else text


def _fields() -> Iterator[FormField]:
    for section, model in sections().items():
        for name, field in model.model_fields.items():
            dotted = f"{section}.{name}"
            if dotted not in _NOT_HERE:
                yield _field(dotted, name, field)


def _field(dotted: str, name: str, field: FieldInfo) -> FormField:
    kinds = set(_kinds(field.annotation))
    is_optional, is_list = NoneType in kinds, tuple in kinds
    named = ("no", "yes") if bool in kinds else tuple(choices(field.annotation))
    return FormField(
        dotted,
        label=_COMMON.get(dotted, name.replace("_", " ")),
        help=field.description or "",
        range=", ".join(named) if bool in kinds else allowed(field),
        default=_YES_NO.get(default_words(field), default_words(field)),
        empty=_EMPTY.get(dotted, "none" if is_optional or is_list else ""),
        choices=(UNSET, *named) if named and is_optional else named,
        keys=_SIZE_KEYS if dotted == _SIZE else _keys(kinds),
        is_common=dotted in _COMMON,
        is_optional=is_optional,
        is_list=is_list,
    )


def _kinds(annotation: Any) -> Iterator[Any]:
    """The types that a value and its parts may have."""
    if hasattr(annotation, "__metadata__"):
        yield from _kinds(annotation.__origin__)
        return
    yield get_origin(annotation) or annotation
    for part in get_args(annotation):
        yield from _kinds(part)


def _keys(kinds: set[Any]) -> str:
    if not kinds & {int, float}:
        return ""
    keys = f"{_DIGITS}.e-" if float in kinds else _DIGITS
    if tuple in kinds:
        keys += ", none" if NoneType in kinds else ", "
    return keys


FIELDS: tuple[FormField, ...] = tuple(_fields())


def texts_of(config: Config) -> dict[str, str]:
    """What a recipe puts into every field, by dotted name."""
    return {field.dotted: field.text(config) for field in FIELDS}


def values_of(texts: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """What the form says, nested by section, not validated yet. A number that is left out is not among it."""
    nested: dict[str, dict[str, Any]] = {}
    for field in FIELDS:
        value = field.value(texts[field.dotted])
        if value != "" or field.is_list:
            nested.setdefault(field.section, {})[field.dotted.partition(".")[2]] = value
    return nested
