"""Whether a run's network and a sampler can do what a recipe asks for, and what the recipe leaves open."""

import textwrap
from typing import TypeVar

from ddpm.config import Config
from ddpm.config_values import SamplerName
from ddpm.errors import ConfigError
from ddpm.sample_config import SampleConfig

NO_CLASS = "none"
# The eta of the samplers that have one, where the recipe leaves it open.
USUAL_ETA: dict[SamplerName, float] = {"ddim": 0.0, "euler-ancestral": 1.0, "dpm++2m-sde": 1.0}
USUAL_THRESHOLD_QUANTILE = 0.995
Sample = TypeVar("Sample", bound=SampleConfig)


def fitted(sample: Sample, config: Config) -> Sample:
    """The recipe with all that it leaves open filled in; what its sampler does not use stays None.

    Raises ConfigError for what cannot be.
    """
    if problems := misfits(sample, config):
        raise ConfigError(" ".join(f"{field}: {problem}." for field, problem in problems.items()))
    usual = {
        "variance": _usual_variance(config) if sample.sampler == "ddpm" else None,
        "eta": USUAL_ETA.get(sample.sampler),
        "threshold_quantile": USUAL_THRESHOLD_QUANTILE if sample.clip == "dynamic" else None,
    }
    left_open = {field: value for field, value in usual.items() if getattr(sample, field) is None}
    return sample.model_copy(update=left_open)


def misfits(sample: SampleConfig, config: Config) -> dict[str, str]:
    """What of a recipe the run's network cannot do or its sampler does not use: a sentence for each such field.

    Empty if all is well. Raises ConfigError where the run's own recipe is incomplete.
    """
    found = {
        "steps": _steps_misfit(sample, config),
        "variance": _variance_misfit(sample, config),
        "guidance_scale": _guidance_misfit(sample, config),
        "label": _label_misfit(sample, config),
        "threshold_quantile": _quantile_misfit(sample),
        "eta": _eta_misfit(sample),
    }
    return {field: problem for field, problem in found.items() if problem}


def label_numbers(sample: SampleConfig, config: Config) -> list[int] | None:
    """The classes that the images of a fitted recipe are given in turn; None for a network that is told none.

    ``num_classes`` stands for no class.
    """
    if not config.num_classes:
        return None
    return [_number(label, config) for label in sample.label] or list(range(config.num_classes))


def _steps_misfit(sample: SampleConfig, config: Config) -> str:
    T = config.diffusion.T
    if sample.steps <= T:
        return ""
    return f"{sample.steps} are not possible: the network was trained with T = {T}; use 1 to {T}"


def _variance_misfit(sample: SampleConfig, config: Config) -> str:
    if sample.variance is None:
        return ""
    if sample.sampler != "ddpm":
        return (
            f"{sample.variance} has no meaning with the sampler {sample.sampler}; leave it out, or use ddpm"
        )
    if sample.variance != "learned" or config.diffusion.variance == "learned":
        return ""
    return "this network did not learn one; use posterior or beta"


def _usual_variance(config: Config) -> str:
    return "learned" if config.diffusion.variance == "learned" else "posterior"


def _eta_misfit(sample: SampleConfig) -> str:
    if sample.eta is None or sample.sampler in USUAL_ETA:
        return ""
    return (
        f"{sample.eta:g} has no meaning with the sampler {sample.sampler}; leave it out, or use one of "
        f"{', '.join(USUAL_ETA)}"
    )


def _quantile_misfit(sample: SampleConfig) -> str:
    if sample.threshold_quantile is None or sample.clip == "dynamic":
        return ""
    return f"{sample.threshold_quantile:g} has no meaning with clip {sample.clip}; leave it out, or use clip dynamic"


def _guidance_misfit(sample: SampleConfig, config: Config) -> str:
    if sample.guidance_scale == 1:
        return ""
    if not config.num_classes:
        return f"{sample.guidance_scale:g} has no meaning, as this network is not told classes; leave it at 1"
    if config.train.label_dropout == 0:
        return (
            f"{sample.guidance_scale:g} is not possible, as this network was trained with label_dropout 0 and so "
            "never drew without a class; leave it at 1"
        )
    return ""


def _label_misfit(sample: SampleConfig, config: Config) -> str:
    if not sample.label:
        return ""
    if not config.num_classes:
        return f"{','.join(sample.label)} has no meaning, as this network is not told classes; leave it out"
    for label in sample.label:
        try:
            number = _number(label, config)
        except KeyError:
            names = textwrap.shorten(", ".join(config.data.class_names), 200)
            return f"there is no class {label}; there are {names} (or their numbers, 0 to {config.num_classes - 1})"
        if number == config.num_classes and config.train.label_dropout == 0:
            return (
                f"{label} is not possible, as this network was trained with label_dropout 0 and so never drew "
                "without a class; name a class"
            )
    return ""


def _number(label: str, config: Config) -> int:
    """The number of a class, which a name goes before. Raises KeyError for one that there is not."""
    names = config.data.class_names
    if label in names:
        return names.index(label)
    if label.isdecimal() and int(label) < len(names):
        return int(label)
    if label == NO_CLASS:
        return len(names)
    raise KeyError(label)
