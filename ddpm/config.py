"""The recipe of a run: one frozen, validated model per concern, and TOML in and out.

Descriptions and ranges live on the fields; command-line help and the forms of the app are made from them.
A recipe is complete: together with its data set it trains the same run again, and without the data set it
still says how to build the network and how to sample from it.
"""

import difflib
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from ddpm.errors import ConfigError


def _split(value: object) -> object:
    """Let a command line or a form write a tuple as ``1,2,4``."""
    if isinstance(value, str):
        return tuple(part for part in value.replace(" ", "").split(",") if part)
    return value


def _words(value: object) -> object:
    """Let names be written as ``cat,sea lion``, and numbers as numbers."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
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
Decays = Annotated[tuple[Annotated[float, Field(ge=0, lt=1)], ...], BeforeValidator(_split)]
Lengths = Annotated[tuple[Annotated[float, Field(gt=0, le=0.28)], ...], BeforeValidator(_split)]
Channels = Annotated[Literal[1, 3, 4], BeforeValidator(_number)]
TimeFrequencyShift = Annotated[Literal[0, 1], BeforeValidator(_number)]
Device = Annotated[str, AfterValidator(_known_device)]
Weights = Annotated[str, AfterValidator(_known_weights)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
ScheduleName = Literal["linear", "scaled-linear", "quadratic", "cosine", "sigmoid"]
Spacing = Literal["trailing", "leading", "linspace"]
SamplerName = Literal["ddpm", "ddim", "dpm++2m", "dpm++2m-sde", "heun", "euler", "euler-ancestral"]
Labels = Annotated[tuple[str, ...], BeforeValidator(_words)]

# What a recipe's file says of itself; a newer one is refused.
FORMAT = 1
# Of a wrong value this many characters are shown, and of wrong fields this many: files may hold anything.
LONGEST_SHOWN = 200
MOST_PROBLEMS = 50

# The first and the last beta at T = 1000 that the papers of the schedules give.
BETA_ENDS = {"linear": (1e-4, 0.02), "quadratic": (1e-4, 0.02), "scaled-linear": (0.00085, 0.012)}


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


class DataConfig(Section):
    """Which images, and the shape in which the network sees them."""

    source: str = Field(
        "digits",
        min_length=1,
        description="name of a data set, hf:owner/name, or the path of a folder of images or of a .npy or .npz file",
    )
    image_size: ImageSize | None = Field(
        None, description="height and width in pixels; unset: the set's own size (a folder: 64x64)"
    )
    channels: Channels | None = Field(
        None, description="1 grey, 3 RGB, 4 RGBA; unset: the set's own (a folder: grey if all its images are)"
    )
    class_names: tuple[str, ...] = Field(
        (), description="names of the classes, in the order of their numbers; filled in from the data set"
    )
    flip: bool = Field(
        False, description="show each image mirrored left to right half of the times; held-out ones never"
    )
    held_out: float = Field(
        0.0, ge=0, le=0.5, description="share of the images that are never trained on, for the held-out loss"
    )
    stream: Literal["auto", "never", "always"] = Field(
        "auto",
        description="read images from the disk while training; auto: where they do not fit into memory. "
        "The batches are the same",
    )
    workers: int | None = Field(
        None, ge=1, le=256, description="threads that read images; unset: as many as suit this machine"
    )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image; known once the data set has been opened.

        Raises ConfigError while the size or the channels are unset.
        """
        if self.image_size is None or self.channels is None:
            raise ConfigError(
                "The recipe does not say data.image_size and data.channels yet; they are filled in when the data "
                "set is opened. Set both to build the network without it."
            )
        return (self.channels, *self.image_size)


class ModelConfig(Section):
    """The U-Net that predicts the noise."""

    dim: int = Field(32, ge=4, le=2048, multiple_of=2, description="channels at full resolution")
    dim_mults: Multipliers = Field(
        (1, 2, 4), description="channels at each level, as multiples of dim; each level halves the image"
    )
    block: Literal["resnet", "convnext"] = Field(
        "resnet", description="kind of block: ResNet, as in the papers, or ConvNeXt, wider and depthwise"
    )
    blocks_per_level: int = Field(2, ge=1, le=16, description="blocks at each level on the way down")
    dropout: float = Field(
        0.0, ge=0, lt=1, description="share of a block's inner features that training sets to 0"
    )
    attention_levels: Levels | None = Field(
        None, description="levels with self-attention, 0 is full resolution; unset: the last level only"
    )
    linear_attention_levels: Levels = Field(
        (), description="levels with linear attention, which stays cheap for many pixels"
    )
    middle_attention: bool = Field(True, description="self-attention between the way down and the way up")
    attention_head_dim: int = Field(32, ge=1, le=2**17, description="channels of one attention head")
    norm_groups: int = Field(
        8, ge=1, le=128, description="groups of each GroupNorm; fewer where they do not divide the channels"
    )
    norm_group_channels: int = Field(
        2, ge=1, le=128, description="channels that a group of a GroupNorm has at least"
    )
    norm_eps: float = Field(1e-5, gt=0, le=0.1, description="what each GroupNorm adds to the variance")
    time_frequency_shift: TimeFrequencyShift = Field(
        1, description="1: time embedding of Ho et al.'s code; 0: that of Vaswani et al. and many others"
    )
    downsample_padding: Literal["both", "end"] = Field(
        "both", description="zeros where an image is halved: on both sides, or (Ho et al.) at the end only"
    )
    class_conditional: bool = Field(
        False, description="tell the network the class of each image, so that it can be asked for one"
    )

    @property
    def full_attention_levels(self) -> tuple[int, ...]:
        """The levels with self-attention: those named, or else the last one unless that has linear attention."""
        if self.attention_levels is not None:
            return self.attention_levels
        last = len(self.dim_mults) - 1
        return () if last in self.linear_attention_levels else (last,)

    @model_validator(mode="after")
    def _levels_exist(self) -> "ModelConfig":
        for name in ("attention_levels", "linear_attention_levels"):
            for level in getattr(self, name) or ():
                if level >= len(self.dim_mults):
                    raise ValueError(
                        f"{name} names level {level}, but dim_mults makes levels 0 to {len(self.dim_mults) - 1}"
                    )
        both = set(self.full_attention_levels) & set(self.linear_attention_levels)
        if both:
            raise ValueError(
                f"level {min(both)} is in attention_levels and in linear_attention_levels; choose one of them"
            )
        return self


class DiffusionConfig(Section):
    """The forward process and what the network learns about it."""

    T: int = Field(1000, ge=1, le=100_000, description="number of diffusion steps")
    schedule: ScheduleName = Field("cosine", description="shape of the noise schedule")
    beta_start: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="first beta at T=1000 (linear, scaled-linear, quadratic); unset: the schedule's own",
    )
    beta_end: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="last beta at T=1000 (linear, scaled-linear, quadratic); unset: the schedule's own",
    )
    zero_terminal_snr: bool = Field(
        False, description="rescale the schedule so that nothing of the image is left at the last step"
    )
    prediction: Literal["eps", "x_0", "v"] = Field(
        "eps", description="what the network predicts: the noise, the clean image, or v, a mix of both"
    )
    variance: Literal["fixed", "learned"] = Field(
        "fixed", description="variance of a step back: given by the schedule, or predicted with the mean"
    )
    loss: Literal["mse", "l1", "huber", "vlb"] = Field(
        "mse",
        description="distance between prediction and target, or the variational bound itself (bits per dimension)",
    )
    huber_delta: float = Field(1.0, gt=0, description="where the Huber loss turns from square to straight")
    loss_weight: Literal["none", "snr", "min-snr", "p2"] = Field(
        "none", description="how much each timestep counts in the loss"
    )
    min_snr_gamma: float = Field(
        5.0, gt=0, description="min-snr: signal-to-noise ratios above count as this one"
    )
    p2_k: float = Field(1.0, gt=0, description="P2: the weight is 1 / (k + snr)^gamma for eps")
    p2_gamma: float = Field(1.0, ge=0, description="P2: see p2_k; 0 weights every timestep alike")
    vlb_weight: float = Field(
        0.001,
        ge=0,
        description="learned variance: factor of the variational bound (bits per dimension) in the loss",
    )
    timestep_sampling: Literal["uniform", "antithetic", "stratified"] = Field(
        "uniform",
        description="timesteps of a batch: independent, in pairs t and T-1-t, or spread evenly over 0 to T-1",
    )

    @property
    def beta_ends(self) -> tuple[float, float]:
        """The first and the last beta at T = 1000, as given or else those of the schedule's paper."""
        start, end = BETA_ENDS.get(self.schedule, BETA_ENDS["linear"])
        return (
            start if self.beta_start is None else self.beta_start,
            end if self.beta_end is None else self.beta_end,
        )

    @model_validator(mode="after")
    def _betas_rise(self) -> "DiffusionConfig":
        start, end = self.beta_ends
        if start > end:
            raise ValueError(f"beta_start ({start}) must not be above beta_end ({end})")
        return self

    @model_validator(mode="after")
    def _bound_has_its_own_weights(self) -> "DiffusionConfig":
        if self.loss == "vlb" and self.loss_weight != "none":
            raise ValueError(
                f"loss_weight {self.loss_weight} cannot go with loss vlb, which says itself how much each timestep "
                "counts; set loss_weight to none"
            )
        return self

    @model_validator(mode="after")
    def _last_step_can_be_predicted(self) -> "DiffusionConfig":
        if self.zero_terminal_snr and self.prediction == "eps":
            raise ValueError(
                "zero_terminal_snr cannot go with prediction eps: the last step is pure noise then, and knowing its "
                "noise says nothing about the image; predict x_0 or v"
            )
        return self


class TrainConfig(Section):
    """Optimizer, length, devices and what is written when."""

    steps: int = Field(10_000, ge=1, le=10**9, description="optimizer steps")
    max_minutes: float | None = Field(
        None,
        gt=0,
        description="stop after this many minutes, counted from each start; the lr still falls over train.steps",
    )
    batch_size: int = Field(64, ge=1, le=65_536, description="images in one step; may exceed the data set")
    lr: float = Field(1e-3, gt=0, le=10, description="highest learning rate of AdamW")
    lr_schedule: Literal["constant", "cosine"] = Field(
        "cosine", description="the learning rate after warm-up: stays, or falls to 0 as a half cosine"
    )
    warmup_steps: int = Field(100, ge=0, description="steps over which the learning rate rises from 0")
    weight_decay: float = Field(
        0.0, ge=0, le=10, description="decoupled weight decay, on weights of 2 or more axes"
    )
    grad_clip: float = Field(
        1.0, gt=0, description="gradients with a larger norm are scaled down to this one"
    )
    ema_decay: float = Field(
        0.999, ge=0, lt=1, description="decay of the weight average that samples are drawn from"
    )
    ema_more_decays: Decays = Field(
        (),
        description="decays of further averages, such as 0.99,0.9999; draw from one with --weights ema-0.9999",
    )
    ema_lengths: Lengths = Field(
        (),
        description="lengths of power-function averages as shares of the run, such as 0.05,0.1; from two or more "
        "any other can be made after training",
    )
    ema_snapshot_every: int = Field(
        1000, ge=1, description="steps between two stored snapshots of the averages of ema_lengths"
    )
    label_dropout: float = Field(
        0.1,
        ge=0,
        le=1,
        description="share of the images whose class is hidden from a class-conditional network, which guidance needs",
    )
    seed: Seed = Field(0, description="the same seed on the same device trains the same run")
    device: Device = Field("auto", description="auto, cpu, mps, cuda or cuda:N")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="arithmetic of the network; auto: bfloat16 where the device is faster with it"
    )
    log_every: int = Field(10, ge=1, description="steps between two rows of metrics")
    checkpoint_every: int = Field(1000, ge=1, description="steps between two checkpoints")
    keep_checkpoints: int = Field(3, ge=1, description="newest checkpoints to keep")
    keep_every: int = Field(0, ge=0, description="keep the checkpoints of steps that this divides; 0: off")


class SampleConfig(Section):
    """How images are drawn from a trained network. Not part of a run's recipe: each drawing has its own."""

    sampler: SamplerName = Field("ddim", description="the way from noise to images")
    steps: int = Field(
        50, ge=1, description="denoising steps; at most the T that the network was trained with"
    )
    spacing: Spacing = Field("trailing", description="which timesteps are visited, with fewer steps than T")
    n: int = Field(64, ge=1, le=100_000, description="images")
    seed: Seed = Field(0, description="the same seed draws the same images")
    label: Labels = Field(
        (),
        description="class to draw, by name or number, or several in turn, as 3,5,8; none: of no class; "
        "unset: every class in turn, if the network is told classes",
    )
    guidance_scale: float = Field(
        1.0, ge=0, le=100, description="how strongly the class is obeyed; 1: as learned, 0: not at all"
    )
    clip: Literal["static", "dynamic", "none"] = Field(
        "static",
        description="what keeps the expected image in range: clipping, dynamic thresholding, or nothing, which the "
        "cosine schedule does not bear with eps",
    )
    threshold_quantile: float = Field(
        0.995, gt=0, le=1, description="dynamic: share of an image's values that is kept in range"
    )
    eta: float = Field(
        0.0, ge=0, le=1, description="DDIM: share of the noise put back; 0 none, 1 as much as DDPM"
    )
    variance: Literal["posterior", "beta", "learned"] | None = Field(
        None,
        description="DDPM: variance of a step's noise; unset: learned if the network has it, else posterior",
    )
    weights: Weights = Field(
        "ema",
        description="averaged weights, or raw ones of the last step; or ema-0.9999, power-0.05 where the run stores "
        "such averages, or post-hoc-0.08 to make one of that length",
    )
    batch_size: int = Field(
        256, ge=1, description="images drawn at once, halved if memory ends; does not change them"
    )


class PreviewConfig(Section):
    """The samples drawn while training: always from the same noise, so that they can be compared."""

    every: int = Field(500, ge=0, description="steps between two previews; 0: none")
    n: int = Field(16, ge=1, le=1024, description="images in one preview")
    sampler: SamplerName = Field("ddim", description="how they are drawn")
    steps: int = Field(25, ge=1, description="denoising steps; at most T")
    guidance_scale: float = Field(
        1.0, ge=0, le=100, description="how strongly the class is obeyed, in a class-conditional run"
    )
    seed: Seed = Field(0, description="seed of the noise that they start from")


class Config(Section):
    """The whole recipe. ``format`` counts changes of this file's meaning."""

    format: Literal[1] = Field(1, description="version of this file")
    data: DataConfig = Field(default_factory=DataConfig)
    model: ModelConfig = Field(default_factory=ModelConfig)
    diffusion: DiffusionConfig = Field(default_factory=DiffusionConfig)
    train: TrainConfig = Field(default_factory=TrainConfig)
    previews: PreviewConfig = Field(default_factory=PreviewConfig)

    @model_validator(mode="after")
    def _previews_can_be_guided(self) -> "Config":
        if self.previews.guidance_scale != 1 and not self.model.class_conditional:
            raise ValueError(
                f"previews.guidance_scale is {self.previews.guidance_scale:g}, but only a network that is told classes "
                "can be guided; leave it at 1 or turn model.class_conditional on"
            )
        return self

    @property
    def channels(self) -> int:
        """Channels of an image, and of what the network takes. Raises ConfigError while they are unset."""
        return self.data.shape[0]

    @property
    def channels_out(self) -> int:
        """Channels of what the network gives: twice those of an image where it predicts the variance as well."""
        return self.channels * (2 if self.diffusion.variance == "learned" else 1)

    @property
    def num_classes(self) -> int:
        """Classes that the network can be told to draw; 0 for one that is told nothing.

        Raises ConfigError where it is to be told the class and the data set has none.
        """
        if not self.model.class_conditional:
            return 0
        if not self.data.class_names:
            raise ConfigError(
                f"model.class_conditional is on, but the data set {self.data.source} has no classes that are "
                "known. Use data with classes, or leave it off."
            )
        return len(self.data.class_names)

    @classmethod
    def build(cls, values: dict[str, Any], origin: str = "") -> "Config":
        """Validate a nested dictionary; missing keys take their defaults.

        ``origin`` names where the values came from, for the error.
        Raises ConfigError that names each wrong field, its value and what is allowed.
        """
        written = values.get("format")
        if isinstance(written, int) and written > FORMAT:
            raise ConfigError(
                f"{origin or 'The recipe'} was written by a newer ddpm-studio, as format {_shown(written)}; this one "
                f"reads format {FORMAT}. Update it: pip install --upgrade ddpm-studio"
            )
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(explain(error, origin)) from None

    def with_values(self, overrides: dict[str, Any], origin: str = "") -> "Config":
        """This recipe with some values replaced, validated again. Raises ConfigError."""
        return Config.build(merge(self.model_dump(), overrides), origin)


def merge(base: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """``base`` with the leaves of ``overrides`` laid over it; neither is changed."""
    merged = dict(base)
    for key, value in overrides.items():
        inner = merged.get(key)
        merged[key] = merge(inner, value) if isinstance(value, dict) and isinstance(inner, dict) else value
    return merged


def field_problems(error: ValidationError) -> dict[str, str]:
    """The dotted name of each wrong field, and what is wrong with it."""
    problems: dict[str, str] = {}
    for problem in error.errors(include_url=False)[:MOST_PROBLEMS]:
        # Past section and field come positions inside tuples and alternatives of unions: of no use to the reader.
        place = ".".join(str(part) for part in problem["loc"][:2])
        if problem["type"] == "extra_forbidden":
            text = _unknown_key(place)
        elif problem["type"] == "value_error":
            text = str(problem["ctx"]["error"])
        else:
            text = f"{_shown(problem['input'])} is not allowed: {problem['msg'].replace('Input', 'it', 1)}"
        problems.setdefault(place, text)
    return problems


def _shown(value: object) -> str:
    """A value as its writer wrote it: a number from a command line is text, but not meant as text."""
    is_number = isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value)
    try:
        text = str(value) if is_number else repr(value)
    except (ValueError, RecursionError):  # a number of 10,000 digits, a list in a list in a list ...
        return "this"
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + " …"


def explain(error: ValidationError, origin: str = "") -> str:
    """One sentence a problem, each with the field, the value and what is allowed."""
    where = f" in {origin}" if origin else ""
    sentences = [f"{place or 'the recipe'}: {text}" for place, text in field_problems(error).items()]
    if len(sentences) == 1:
        return f"The recipe is not valid{where}: {sentences[0]}"
    return f"The recipe is not valid{where}:\n" + "\n".join(f"  {sentence}" for sentence in sentences)


def _unknown_key(place: str) -> str:
    known = [f"{section}.{name}" for section, model in sections().items() for name in model.model_fields]
    names = [*known, *sections(), "format"]
    near = difflib.get_close_matches(place, names, n=1)
    return "there is no such key" + (f"; did you mean {near[0]}?" if near else "")


def sections() -> dict[str, type[Section]]:
    """The name and the model of every section of a recipe, in order."""
    return {
        name: field.annotation
        for name, field in Config.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
    }


def to_toml(config: Config) -> str:
    """The recipe as TOML. Unset fields are left out, as TOML has no null."""
    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))


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
