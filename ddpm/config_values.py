"""The kinds of values that a recipe has, and how a command line or a form may write them."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from ddpm.printable import printable


class Section(BaseModel):
    """One concern of a recipe: frozen, with every key known and every number finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    @field_validator("*")
    @classmethod
    def _no_endless_number(cls, value: object) -> object:
        # Python's integers have no end, and one of 5,000 digits cannot even be written down again.
        if isinstance(value, int) and abs(value) >= 2**63:
            raise ValueError("the number is too large: it should be below 2**63")
        return value


def _split(value: object) -> object:
    """Let a command line or a form write a tuple as ``1,2,4``."""
    if isinstance(value, str):
        return tuple(part for part in value.replace(" ", "").split(",") if part)
    return value


def _words(value: object) -> object:
    """Let names be written as ``cat,sea lion``, and numbers as numbers."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
        if "" in value:
            raise ValueError(
                "the name of a class is empty; name one, or several with single commas between them"
            )
    parts = value if isinstance(value, tuple | list) else [value]
    return tuple(str(part) if isinstance(part, int) else part for part in parts)


def _size(value: object) -> object:
    """Let a size be written as ``28x30``, or as one number for a square."""
    parts = _split(value.lower().replace("x", ",")) if isinstance(value, str) else value
    if isinstance(parts, int):
        return (parts, parts)
    if isinstance(parts, tuple | list) and len(parts) == 1:
        return (parts[0], parts[0])
    return parts


def _number(value: object) -> object:
    """Literal numbers are compared, not parsed, so a string from a command line is turned into one first."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _different(values: tuple[float, ...]) -> tuple[float, ...]:
    if len(set(values)) < len(values):
        raise ValueError(f"{','.join(map(str, values))} names one of them twice")
    return values


def one_line(value: str) -> str:
    """Words from anybody, fit for one line of a terminal."""
    return printable(" ".join(value.split()))


def _known_device(value: str) -> str:
    if re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", value):
        return value
    raise ValueError(f"{value!r} is not allowed: it should be auto, cpu, mps, cuda or cuda:N")


def _known_weights(value: str) -> str:
    kind, _, number = value.rpartition("-")
    if value in ("ema", "raw") or (kind == "ema" and _is_between(number, 0, 1)):
        return value
    if kind in ("power", "post-hoc") and _is_between(number, 0, 0.288):
        return value
    raise ValueError(
        f"{value!r} is not allowed: it should be ema, raw, ema-DECAY, power-LENGTH or post-hoc-LENGTH with a length "
        "between 0 and 0.288"
    )


def _is_between(text: str, low: float, high: float) -> bool:
    return re.fullmatch(r"[0-9.e-]+", text) is not None and text.count(".") <= 1 and low < float(text) < high


Side = Annotated[int, Field(ge=1, le=4096)]
ImageSize = Annotated[tuple[Side, Side], BeforeValidator(_size)]
Multipliers = Annotated[
    tuple[Annotated[int, Field(ge=1, le=64)], ...], BeforeValidator(_split), Field(min_length=1, max_length=8)
]
Levels = Annotated[tuple[Annotated[int, Field(ge=0, le=7)], ...], BeforeValidator(_split)]
Decays = Annotated[
    tuple[Annotated[float, Field(gt=0, lt=1)], ...], BeforeValidator(_split), AfterValidator(_different)
]
Lengths = Annotated[
    tuple[Annotated[float, Field(gt=0, le=0.28)], ...], BeforeValidator(_split), AfterValidator(_different)
]
Channels = Annotated[Literal[1, 3, 4], BeforeValidator(_number)]
TimeFrequencyShift = Annotated[Literal[0, 1], BeforeValidator(_number)]
Device = Annotated[str, AfterValidator(_known_device)]
LearningRate = Annotated[float, Field(gt=0, le=10)]
Microbatch = Annotated[int, Field(ge=1, le=65_536)]
PreviewEvery = Annotated[int, Field(ge=0, lt=2**63)]
OneLine = Annotated[str, AfterValidator(one_line)]
Weights = Annotated[str, AfterValidator(_known_weights)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
ScheduleName = Literal["linear", "scaled-linear", "quadratic", "cosine", "sigmoid"]
Spacing = Literal["trailing", "leading", "linspace"]
SamplerName = Literal["ddpm", "ddim", "dpm++2m", "dpm++2m-sde", "heun", "euler", "euler-ancestral"]
Labels = Annotated[tuple[str, ...], BeforeValidator(_words)]

# What a recipe's file says of itself; a newer one is refused.
