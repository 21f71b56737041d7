"""Samplers: from noise to images. Each is one flat generator over explicit pairs (t, t_prev).

They share a signature. ``denoiser`` is described in ``denoisers``; ``x_T`` [B, C, H, W] is noise at the level of the
first of ``timesteps``, which fall strictly to at least 0; ``noise`` gives standard normal [B, C, H, W] whenever it
is called. One Step is yielded for each timestep; the last one holds the finished images. Stop iterating to stop.
Given the x_t of a Step and the timesteps that are left, a sampler goes on where it was.

alpha_bar = 0 at the first timestep, as schedules with zero terminal SNR have it, is allowed everywhere.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ddpm.denoisers import Denoiser, LearnedDenoiser
from ddpm.schedules import Schedule

Noise = Callable[[], Tensor]


class Step(NamedTuple):
    """``step`` of the denoising steps are done (1 for the first); x_t is where they led, x_0 the last prediction."""

    step: int
    x_t: Tensor
    x_0: Tensor


# What every sampler is once its options are bound, and once its denoiser and schedule are bound as well.
Sampler = Callable[[Denoiser, Schedule, Tensor, Sequence[int], Noise], Iterator[Step]]
BoundSampler = Callable[[Tensor, Sequence[int], Noise], Iterator[Step]]


@torch.no_grad()
def ddpm(
    denoiser: Denoiser,
    schedule: Schedule,
    x_T: Tensor,
    timesteps: Sequence[int],
    noise: Noise,
    *,
    variance: Literal["posterior", "beta"] = "posterior",
) -> Iterator[Step]:
    """Ancestral sampling (Ho et al. 2020, algorithm 2), over all timesteps or over some of them.

    The noise of a step has the variance beta, or that of the posterior (section 3.2); with fewer steps, those of
    the longer step (Nichol & Dhariwal 2021, eq. 19).
    """
    x_t = x_T
    for step, (t, t_prev) in enumerate(pairs(timesteps), start=1):
        x_0 = denoiser(x_t, batch_of(t, x_t))
        x_t, posterior, beta = _posterior(schedule, t, t_prev, x_t, x_0)
        if t_prev >= 0:
            x_t = x_t + (beta if variance == "beta" else posterior) ** 0.5 * noise()
        yield Step(step, x_t, x_0)


@torch.no_grad()
def ddpm_learned(
    denoiser: LearnedDenoiser, schedule: Schedule, x_T: Tensor, timesteps: Sequence[int], noise: Noise
) -> Iterator[Step]:
    """Ancestral sampling with a learned variance (Nichol & Dhariwal 2021, eq. 15 and 19).

    The denoiser gives a fraction beside x_0, both [B, C, H, W]; the logarithm of a step's variance lies that far on
    the way from the posterior's to beta's.
    """
    x_t = x_T
    for step, (t, t_prev) in enumerate(pairs(timesteps), start=1):
        x_0, fraction = denoiser(x_t, batch_of(t, x_t))
        x_t, posterior, beta = _posterior(schedule, t, t_prev, x_t, x_0)
        if t_prev >= 0:
            x_t = x_t + (posterior * (beta / posterior) ** fraction) ** 0.5 * noise()
        yield Step(step, x_t, x_0)


@torch.no_grad()
def ddim(
    denoiser: Denoiser,
    schedule: Schedule,
    x_T: Tensor,
    timesteps: Sequence[int],
    noise: Noise,
    *,
    eta: float = 0.0,
) -> Iterator[Step]:
    """Denoising diffusion implicit models (Song, Meng & Ermon 2021, eq. 12 and 16).

    With eta = 0 nothing random is added and ``noise`` is never called; with eta = 1 it is ddpm with the posterior
    variance. The direction to x_t is taken from the x_0 of the denoiser, clipped or not.
    """
    x_t = x_T
    for step, (t, t_prev) in enumerate(pairs(timesteps), start=1):
        alpha_bar, alpha_bar_prev = schedule.alpha_bar_before(t), schedule.alpha_bar_before(t_prev)
        x_0 = denoiser(x_t, batch_of(t, x_t))
        eps = (x_t - alpha_bar**0.5 * x_0) / (1 - alpha_bar) ** 0.5
        variance = (1 - alpha_bar_prev) / (1 - alpha_bar) * (1 - alpha_bar / alpha_bar_prev)
        sigma = eta * variance**0.5
        x_t = alpha_bar_prev**0.5 * x_0 + max(0.0, 1 - alpha_bar_prev - sigma**2) ** 0.5 * eps
        if sigma > 0:
            x_t = x_t + sigma * noise()
        yield Step(step, x_t, x_0)


def euler(
    denoiser: Denoiser, schedule: Schedule, x_T: Tensor, timesteps: Sequence[int], noise: Noise
) -> Iterator[Step]:
    """Euler's method for the probability flow in x / alpha over sigma / alpha (Karras et al. 2022, algorithm 1).

    Written in alpha and sigma its step is that of DDIM with eta = 0 (Song, Meng & Ermon 2021, eq. 13), and so it is
    taken, since that also bears alpha = 0.
    """
    return ddim(denoiser, schedule, x_T, timesteps, noise)


def euler_ancestral(
    denoiser: Denoiser,
    schedule: Schedule,
    x_T: Tensor,
    timesteps: Sequence[int],
    noise: Noise,
    *,
    eta: float = 1.0,
) -> Iterator[Step]:
    """A longer Euler step, then noise that brings the image back to the level of t_prev (k-diffusion's sampler).

    Written in alpha and sigma its step is that of DDIM with the same eta, and so it is taken.
    """
    return ddim(denoiser, schedule, x_T, timesteps, noise, eta=eta)


@torch.no_grad()
def ddim_inversion(
    denoiser: Denoiser, schedule: Schedule, x_0: Tensor, timesteps: Sequence[int], *, iterations: int = 1
) -> Iterator[Step]:
    """From images x_0 [B, C, H, W] back to the noise that DDIM with eta = 0 makes them of.

    ``timesteps`` are those of the way from noise to image, falling; they are visited from the last to the first. The
    step to t needs eps at x_t, which it is to find, and takes it at the image before (Dhariwal & Nichol 2021,
    appendix F). ``iterations`` above 1 repeat the step with eps at what it found, until x_t satisfies the equation.
    """
    x_t = x_0
    for step, (t, t_prev) in enumerate(reversed(pairs(timesteps)), start=1):
        before = x_t
        for _ in range(iterations):
            expected = denoiser(x_t, batch_of(t, x_t))
            x_t = _ddim_step_back(schedule, t, t_prev, before, x_t, expected)
        yield Step(step, x_t, expected)


def pairs(timesteps: Sequence[int]) -> list[tuple[int, int]]:
    """(t, t_prev) of each step; the last one leads to -1, the clean image.

    Raises ValueError unless the timesteps fall strictly to at least 0.
    """
    found = list(pairwise([*timesteps, -1]))
    for t, t_prev in found:
        if t <= t_prev:
            raise ValueError(f"Timesteps fall strictly to at least 0, but {t} is followed by {t_prev}.")
    return found


def batch_of(t: int, x_t: Tensor) -> Tensor:
    """t for each image of x_t, int64 [B]."""
    return torch.full((len(x_t),), t, dtype=torch.int64, device=x_t.device)


def _posterior(
    schedule: Schedule, t: int, t_prev: int, x_t: Tensor, x_0: Tensor
) -> tuple[Tensor, float, float]:
    """Mean and variance of q(x_{t_prev} | x_t, x_0), and the beta of that step (Ho et al. 2020, eq. 7)."""
    alpha_bar, alpha_bar_prev = schedule.alpha_bar_before(t), schedule.alpha_bar_before(t_prev)
    beta = 1 - alpha_bar / alpha_bar_prev
    of_x_0 = alpha_bar_prev**0.5 * beta / (1 - alpha_bar)
    of_x_t = (1 - beta) ** 0.5 * (1 - alpha_bar_prev) / (1 - alpha_bar)
    return of_x_0 * x_0 + of_x_t * x_t, beta * (1 - alpha_bar_prev) / (1 - alpha_bar), beta


def _ddim_step_back(
    schedule: Schedule, t: int, t_prev: int, before: Tensor, x_t: Tensor, x_0: Tensor
) -> Tensor:
    """x_t from ``before``, which is x_{t_prev}, and the x_0 expected of a first guess at x_t."""
    alpha_bar, alpha_bar_prev = schedule.alpha_bar_before(t), schedule.alpha_bar_before(t_prev)
    alpha, sigma = math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar)
    alpha_prev, sigma_prev = math.sqrt(alpha_bar_prev), math.sqrt(1 - alpha_bar_prev)
    eps = (x_t - alpha * x_0) / sigma
    if alpha == 0 and sigma_prev > 0:
        # The guess is all eps and would only give itself; the eps that led to ``before`` is solved for instead.
        eps = (before - alpha_prev * x_0) / sigma_prev
    return alpha / alpha_prev * (before - sigma_prev * eps) + sigma * eps
