"""An average of any length, after training: the post-hoc EMA of Karras et al. 2024, section 3 and appendix C.

While a run trains it stores snapshots of averages of a few lengths. Each is a weighted sum of all weights of the
past, with weights known in closed form; so a sum of snapshots can come close to an average that nobody tracked.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ddpm.checkpoint import Checkpoint, list_checkpoints, load
from ddpm.errors import CheckpointError
from ddpm.progress import Told, told_after, untold

if TYPE_CHECKING:
    from torch import Tensor

# The length of a plain mean of all steps, exponent 0, is 1 / sqrt(12).
LONGEST = 12**-0.5
# Of a profile's norm: where a sum of snapshots is further off, it is another average than the one asked for.
LARGEST_ERROR = 0.1
# What names of averages begin with, before their length: of those that are stored, and of those made of them.
POWER, MADE = "power-", "post-hoc-"


@dataclass(frozen=True)
class Profile:
    """How much the weights of each step tau <= step count in an average: (gamma + 1) tau^gamma / step^(gamma + 1)."""

    step: int
    exponent: float


def length_of(exponent: float) -> float:
    """The standard deviation of a profile over its step: sigma_rel of gamma (Karras et al. 2024, section 3.1)."""
    return float((exponent + 1) ** 0.5 / ((exponent + 2) * (exponent + 3) ** 0.5))


def exponent_of(length: float) -> float:
    """gamma of sigma_rel: the one root of length_of(gamma) = length with gamma >= 0.

    Raises ValueError unless 0 < length < 0.288, the length of a plain mean over the whole run.
    """
    if not 0 < length < LONGEST:
        raise ValueError(
            f"an average's length is a share of the run between 0 and {LONGEST:.3f}, not {length}"
        )
    inverse = length**-2
    # (gamma + 1) / length^2 = (gamma + 2)^2 (gamma + 3), multiplied out.
    return float(max(np.roots([1, 7, 16 - inverse, 12 - inverse]).real))


def overlap(a: Profile, b: Profile) -> float:
    """The integral of the product of two profiles over all steps, in closed form."""
    first, last = min(a.step, b.step), max(a.step, b.step)
    exponent_of_last = b.exponent if b.step == last else a.exponent
    factor = (a.exponent + 1) * (b.exponent + 1) / (a.exponent + b.exponent + 1)
    # first^(a + b + 1) / (step_a^(a + 1) step_b^(b + 1)) without its huge powers.
    return factor * float(np.exp(exponent_of_last * (np.log(first) - np.log(last)))) / last


def coefficients(snapshots: Sequence[Profile], wanted: Profile) -> NDArray[np.float64]:
    """The factor of each snapshot in the sum that comes closest to ``wanted``, by least squares: float64 [N]."""
    products, towards = _equations(snapshots, wanted)
    return np.asarray(np.linalg.lstsq(products, towards, rcond=None)[0], np.float64)


def relative_error(snapshots: Sequence[Profile], factors: NDArray[np.float64], wanted: Profile) -> float:
    """How far the sum of snapshots is from the wanted profile: the norm of the difference over that of the profile."""
    products, towards = _equations(snapshots, wanted)
    whole = overlap(wanted, wanted)
    squared = whole - 2 * factors @ towards + factors @ products @ factors
    return math.sqrt(max(0.0, float(squared)) / whole)


def _equations(
    snapshots: Sequence[Profile], wanted: Profile
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The overlaps of the snapshots with each other, [N, N], and with the wanted profile, [N]."""
    products = np.array([[overlap(a, b) for b in snapshots] for a in snapshots])
    return products, np.array([overlap(a, wanted) for a in snapshots])


def best_factors(profiles: Sequence[Profile], step: int, length: float) -> NDArray[np.float64]:
    """The ``coefficients`` for an average over ``length`` as of a step.

    Raises CheckpointError where there are no profiles, or their sum would be off by more than a tenth, and ValueError
    for a length that is none.
    """
    wanted = Profile(step, exponent_of(length))
    if not profiles:
        raise CheckpointError(
            f"An average of length {length:g} cannot be made: the checkpoint of step {step} holds no averages of other "
            "lengths. They are stored when a run is trained with train.ema_lengths, two or more."
        )
    factors = coefficients(profiles, wanted)
    error = relative_error(profiles, factors, wanted)
    if error > LARGEST_ERROR:
        lengths = ", ".join(f"{found:.3g}" for found in sorted({length_of(one.exponent) for one in profiles}))
        raise CheckpointError(
            f"An average of length {length:g} at step {step} would be off by {error:.0%}, made from {len(profiles)} "
            f"stored averages of length {lengths}. Choose a length nearer to these, or train with more of "
            "train.ema_lengths and a smaller train.ema_snapshot_every."
        )
    return factors


def reconstruct(
    checkpoint: Checkpoint, snapshots: Path, length: float, told: Told = untold
) -> "dict[str, Tensor]":
    """The weights averaged over ``length`` as of a checkpoint, float32 on the CPU.

    They are made from the averages in the checkpoint and in the snapshots before it, in the folder ``snapshots``;
    ``told`` hears of the bytes that are read. Raises CheckpointError where the run stored no such averages, too few
    for this length, or damaged ones, and ValueError for a length that is none.
    """
    before = [stored for stored in list_checkpoints(snapshots) if stored.step < checkpoint.step]
    there = [*before, checkpoint]
    done, total = 0, 2 * sum(stored.size for stored in there)
    profiles, sources = [], []
    for stored in there:
        for stem, stored_length in (
            load(stored, told=told_after(told, done, total))[1].get("lengths", {}).items()
        ):
            profiles.append(Profile(stored.step, exponent_of(stored_length)))
            sources.append((stored, stem))
        done += stored.size
    weights: dict[str, Tensor] = {}
    factor_of = dict(zip(sources, best_factors(profiles, checkpoint.step, length), strict=True))
    for stored, pairs in groupby(sources, key=lambda source: source[0]):
        stems = [stem for _, stem in pairs]
        for stem, named in load(stored, *stems, told=told_after(told, done, total))[0].items():
            for name, tensor in named.items():
                part = tensor.double() * factor_of[stored, stem]
                weights[name] = weights[name].add_(part) if name in weights else part
        done += stored.size
    return {name: tensor.float() for name, tensor in weights.items()}
