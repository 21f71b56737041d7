"""The recipe of a run: one frozen, validated model per concern.

Descriptions and ranges live on the fields; command-line help and the forms of the app are made from them.
A recipe is complete: together with its data set it trains the same run again, and without the data set it
still says how to build the network and how to sample from it.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    model_validator,
)

from ddpm.changes import MOST_CHANGES, Change, in_order, replaced
from ddpm.config_values import (
    Channels,
    ImageSize,
    Levels,
    Multipliers,
    ScheduleName,
    Section,
    TimeFrequencyShift,
)
from ddpm.errors import ConfigError
from ddpm.sample_config import PreviewConfig
from ddpm.spelling import nearest
from ddpm.train_config import TrainConfig

FORMAT = 1
# Of a wrong value this many characters are shown, and of wrong fields this many: files may hold anything.
LONGEST_SHOWN = 200
MOST_PROBLEMS = 50

# The first and the last beta at T = 1000 that the papers of the schedules give.
BETA_ENDS = {"linear": (1e-4, 0.02), "quadratic": (1e-4, 0.02), "scaled-linear": (0.00085, 0.012)}


class DataConfig(Section):
    """Which images, and the shape in which the network sees them."""

    source: str = Field(
        "digits",
        min_length=1,
        description="name of a data set, hf:owner/name, or the path of a folder of images or of a .npy or .npz file",
    )
    image_size: ImageSize | None = Field(
        None, description="height and width in pixels; by default the set's own size (a folder: 64x64)"
    )
    channels: Channels | None = Field(
        None,
        description="1 grey, 3 RGB, 4 RGBA; by default the set's own (a folder: grey if all its images are)",
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
        None, ge=1, le=256, description="threads that read images; by default as many as suit this machine"
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
        None, description="levels with self-attention, 0 is full resolution; by default the last level only"
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
        description="first beta at T=1000 (linear, scaled-linear, quadratic); by default the schedule's own",
    )
    beta_end: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="last beta at T=1000 (linear, scaled-linear, quadratic); by default the schedule's own",
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
        if self.zero_terminal_snr and self.loss_weight != "none":
            raise ValueError(
                f"zero_terminal_snr cannot go with loss_weight {self.loss_weight}: that weight is 0 where nothing of "
                "the image is left, so that the step which sampling begins at would never be trained; use none"
            )
        return self


class Config(Section):
    """The whole recipe. ``format`` counts changes of this file's meaning."""

    format: Literal[1] = Field(1, description="version of this file")
    data: DataConfig = Field(default_factory=DataConfig)
    model: ModelConfig = Field(default_factory=ModelConfig)
    diffusion: DiffusionConfig = Field(default_factory=DiffusionConfig)
    train: TrainConfig = Field(default_factory=TrainConfig)
    previews: PreviewConfig = Field(default_factory=PreviewConfig)
    changes: Annotated[tuple[Change, ...], AfterValidator(in_order)] = Field(
        (), max_length=MOST_CHANGES, description="what was changed while it trained, by step"
    )

    @model_validator(mode="after")
    def _previews_can_be_guided(self) -> "Config":
        if self.previews.guidance_scale != 1 and not self.model.class_conditional:
            raise ValueError(
                f"previews.guidance_scale is {self.previews.guidance_scale:g}, but only a network that is told classes "
                "can be guided; leave it at 1 or turn model.class_conditional on"
            )
        if self.previews.guidance_scale != 1 and self.train.label_dropout == 0:
            raise ValueError(
                f"previews.guidance_scale is {self.previews.guidance_scale:g}, but with train.label_dropout 0 the "
                "network never learns to draw without a class, which guidance needs; leave it at 1 or hide some labels"
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
        """This recipe with some values replaced, validated again; changes made on the way to those are forgotten.

        Raises ConfigError.
        """
        changes = replaced(self.changes, overrides)
        values = self.model_dump() | {"changes": [change.model_dump() for change in changes]}
        return Config.build(merge(values, overrides), origin)


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
    near = nearest(place, names)
    return "there is no such key" + (f"; did you mean {near}?" if near else "")


def sections() -> dict[str, type[Section]]:
    """The name and the model of every section of a recipe, in order."""
    return {
        name: field.annotation
        for name, field in Config.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
    }
