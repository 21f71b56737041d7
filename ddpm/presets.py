"""Recipes that work, by name. What they leave out takes the defaults of ddpm.config."""

from dataclasses import dataclass
from typing import Any

from ddpm.config import Config, merge
from ddpm.errors import ConfigError
from ddpm.spelling import hint

# For grey images of 28x28. As wide as leaves time for four passes over 60,000 images in ten minutes of two cores.
_GREY_28: dict[str, Any] = {
    "model": {"dim": 16, "dim_mults": (1, 2, 4), "blocks_per_level": 1, "attention_head_dim": 64},
    "diffusion": {"prediction": "v"},
    "train": {"steps": 4300, "batch_size": 64, "lr": 2e-3, "ema_decay": 0.998, "checkpoint_every": 500},
    "previews": {"every": 250},
}

PRESETS: dict[str, dict[str, Any]] = {
    "digits": {
        "data": {"source": "digits"},
        # Small and without attention but in the middle: in a minute many steps teach more than many parameters.
        "model": {"dim": 16, "dim_mults": (1, 2), "blocks_per_level": 1, "attention_levels": ()},
        "train": {"steps": 1250, "batch_size": 128, "lr": 7e-3, "ema_decay": 0.995, "checkpoint_every": 250},
        "previews": {"every": 100},
    },
    "mnist": {"data": {"source": "mnist"}, **_GREY_28},
    "fashion-mnist": {"data": {"source": "fashion-mnist"}, **_GREY_28},
    # The network and the training of Ho et al. 2020 (appendix B), 35.7 million parameters: for a GPU.
    "cifar10": {
        "data": {"source": "cifar10", "flip": True},
        "model": {
            "dim": 128,
            "dim_mults": (1, 2, 2, 2),
            "blocks_per_level": 2,
            "attention_levels": (1,),
            "attention_head_dim": 256,
            "norm_groups": 32,
            "norm_eps": 1e-6,
            "downsample_padding": "end",
            "dropout": 0.1,
        },
        "diffusion": {"schedule": "linear"},
        "train": {
            "steps": 800_000,
            "batch_size": 128,
            "lr": 2e-4,
            "lr_schedule": "constant",
            "warmup_steps": 5000,
            "ema_decay": 0.9999,
            "checkpoint_every": 5000,
        },
        "previews": {"every": 5000},
    },
    # One's own images, which are taken at 64x64 where the recipe says nothing else.
    "folder-64": {
        "model": {"dim": 64, "dim_mults": (1, 2, 2, 4)},
        "train": {
            "steps": 50_000,
            "batch_size": 32,
            "lr": 2e-4,
            "ema_decay": 0.9995,
            "checkpoint_every": 1000,
        },
        "previews": {"every": 500},
    },
}
# What presets were called before, in commands that people have written down.
_FORMER_NAMES = {"folder": "folder-64"}


@dataclass(frozen=True)
class Experience:
    """What a preset took on one machine, with its own data set, and what its samples were like."""

    seconds: float
    machine: str
    reached: str


_TWO_CORES = "2 cores of an AMD EPYC with AVX-512 BF16, no GPU, torch 2.15"
EXPERIENCES: dict[str, Experience] = {
    "digits": Experience(
        50,
        _TWO_CORES,
        "samples (DDPM, 250 steps) as far from real digits in pixels as held-out real ones are (Fréchet distance), "
        "recognised with 0.958 of their certainty",
    ),
    "mnist": Experience(
        600,
        _TWO_CORES,
        "2,048 samples (SDE-DPM-Solver++, 20 steps) at a Fréchet distance of 7.1 in the features of a classifier; as "
        "many unseen real images: 1.9",
    ),
    "fashion-mnist": Experience(
        600,
        _TWO_CORES,
        "samples (DDPM, 250 steps) that one names at once, from 5,699 of its images, which were all there were",
    ),
}


# Of these nothing was measured yet.
NEED_A_GPU = ("cifar10", "folder-64")


def current_name(name: str) -> str:
    """The name of a preset, which may have had another one before."""
    return _FORMER_NAMES.get(name, name)


def preset_values(name: str) -> dict[str, Any]:
    """The values of a preset, nested by section. Raises ConfigError that lists the presets."""
    name = current_name(name)
    if name not in PRESETS:
        raise ConfigError(
            f"There is no preset named {name!r}.{hint(name, PRESETS)} There are: {', '.join(PRESETS)}."
        )
    return PRESETS[name]


def preset_for(source: str) -> str:
    """The preset that a data set starts from: its own, that of one of its kind, or the one for a folder of images."""
    from ddpm.sources.named_sets import (
        DATASETS,  # here, as who lists presets need not wait for NumPy and Pillow
    )

    if source in PRESETS:
        return source
    named = DATASETS.get(source)
    return "mnist" if named and (named.channels, named.image_size) == (1, (28, 28)) else "folder-64"


def config_for(source: str, preset: str | None = None, overrides: dict[str, Any] | None = None) -> Config:
    """The recipe for a data set: a preset, the source, and overrides nested by section. Raises ConfigError."""
    values = merge(preset_values(preset or preset_for(source)), {"data": {"source": source}})
    return Config.build(merge(values, overrides or {}))
