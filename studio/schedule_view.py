"""The schedule explorer without its screen: two schedules side by side, and a moment between image and noise.

A is the schedule that the pictures follow, B the one that it is compared with. Where their T differ they are
compared at the same share of the way.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from ddpm.config import BETA_ENDS, DiffusionConfig, field_problems
from ddpm.errors import ConfigError

Floats = NDArray[np.float64]
Side = Literal["A", "B"]
SIDES: tuple[Side, ...] = ("A", "B")

# What of a recipe's diffusion section makes its noise schedule.
FIELDS = ("schedule", "T", "beta_start", "beta_end", "zero_terminal_snr")
COARSE = 20


def schedule_of(diffusion: DiffusionConfig) -> DiffusionConfig:
    """The schedule of a recipe alone, with v predicted, which goes with every schedule."""
    return _valid({name: getattr(diffusion, name) for name in FIELDS})


def rival_of(diffusion: DiffusionConfig) -> DiffusionConfig:
    """What a schedule is first compared with: cosine with linear, every other one with cosine."""
    return _valid({"T": diffusion.T, "schedule": "linear" if diffusion.schedule == "cosine" else "cosine"})


def has_ends(name: str) -> bool:
    """Whether the betas of a schedule lie between two that can be chosen."""
    return name in BETA_ENDS


def usual_ends(name: str) -> tuple[str, str]:
    """The ends that a schedule has unless others are given, as text; empty where it has none."""
    start, end = BETA_ENDS.get(name, (None, None))
    return ("", "") if start is None else (f"{start:g}", f"{end:g}")


def texts_of(diffusion: DiffusionConfig) -> dict[str, str]:
    """A schedule as the fields of a form show it."""
    values = {name: getattr(diffusion, name) for name in FIELDS}
    shown = {name: "" if value is None else f"{value}" for name, value in values.items()}
    return {**shown, "zero_terminal_snr": "yes" if diffusion.zero_terminal_snr else "no"}


def read_schedule(texts: Mapping[str, str]) -> DiffusionConfig:
    """The schedule that a form says; an empty end is the schedule's own. Raises ConfigError for what is none."""
    given = {name: text.strip() for name, text in texts.items() if text.strip()}
    if not has_ends(given.get("schedule", "")):
        given.pop("beta_start", None)
        given.pop("beta_end", None)
    return _valid(given)


def _valid(values: Mapping[str, object]) -> DiffusionConfig:
    try:
        return DiffusionConfig.model_validate({**values, "prediction": "v"})
    except ValidationError as error:
        problems = field_problems(error)
        raise ConfigError(
            "; ".join(f"{place}: {text}" if place else text for place, text in problems.items())
        ) from None


@dataclass(frozen=True, eq=False)
class Curves:
    """A schedule as numbers over t, each [T]; the natural logarithm of the SNR is -inf where nothing is left."""

    diffusion: DiffusionConfig
    beta: Floats
    alpha_bar: Floats
    log_snr: Floats

    @property
    def name(self) -> str:
        return self.diffusion.schedule + (" to zero SNR" if self.diffusion.zero_terminal_snr else "")

    def signal(self, t: int) -> float:
        """The share of the image's standard deviation that is left at t: sqrt(alpha_bar)."""
        return math.sqrt(self.alpha_bar[t])

    def noise(self, t: int) -> float:
        """The standard deviation of the noise at t: sqrt(1 - alpha_bar)."""
        return math.sqrt(1 - self.alpha_bar[t])

    def snr(self, t: int) -> float:
        return math.exp(self.log_snr[t])

    @property
    def even_share(self) -> float | None:
        """The share of the way after which noise outweighs signal (SNR below 1); None where it never does."""
        below = np.flatnonzero(self.log_snr < 0)
        return (int(below[0]) + 1) / len(self.beta) if len(below) else None


@lru_cache(maxsize=16)
def curves_of(diffusion: DiffusionConfig) -> Curves:
    """The numbers of a schedule. Raises ConfigError where it is none. The first call imports torch: in a thread."""
    from ddpm import schedules

    schedule = schedules.build(diffusion)
    return Curves(diffusion, schedule.beta.numpy(), schedule.alpha_bar.numpy(), schedule.snr.log().numpy())


@dataclass(frozen=True)
class Scene:
    """What the explorer shows: schedules A and B, the timestep t of A, and the number of the image."""

    first: DiffusionConfig
    second: DiffusionConfig
    t: int
    image: int = 0

    @classmethod
    def of(cls, diffusion: DiffusionConfig) -> "Scene":
        """Where the explorer begins: a recipe's schedule beside its rival, a third of the way to noise."""
        first = schedule_of(diffusion)
        return cls(first, rival_of(first), first.T // 3)

    @property
    def share(self) -> float:
        """How much of the way to noise is behind: (t + 1) / T."""
        return (self.t + 1) / self.first.T

    @property
    def t_second(self) -> int:
        """The timestep of B after the same share of its way."""
        return _t_at(self.share, self.second.T)

    def at(self, t: int) -> "Scene":
        """At another t, kept within 0 to T - 1."""
        return replace(self, t=min(max(t, 0), self.first.T - 1))

    def moved(self, direction: int, *, coarse: bool = False) -> "Scene":
        """One t further or back, or a twentieth of the way."""
        step = max(1, round(self.first.T / COARSE)) if coarse else 1
        return self.at(self.t + direction * step)

    def with_schedule(self, side: Side, diffusion: DiffusionConfig) -> "Scene":
        """With another A or B, after the same share of the way."""
        if side == "B":
            return replace(self, second=diffusion)
        return replace(self, first=diffusion, t=_t_at(self.share, diffusion.T))

    def swapped(self) -> "Scene":
        """A in place of B and B in place of A, after the same share of the way."""
        return replace(self, first=self.second, second=self.first, t=self.t_second)

    def next_image(self) -> "Scene":
        """With the image after this one."""
        return replace(self, image=self.image + 1)

    def schedule(self, side: Side) -> DiffusionConfig:
        return self.first if side == "A" else self.second


def _t_at(share: float, T: int) -> int:
    return min(max(round(share * T) - 1, 0), T - 1)


def strip_steps(T: int, n: int) -> list[int]:
    """At most n timesteps spread evenly from 0 to T - 1, both included; fewer where T is smaller."""
    if n < 2 or T < 2:
        return [T - 1][:n]
    return sorted({round(i * (T - 1) / (n - 1)) for i in range(n)})
