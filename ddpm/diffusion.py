"""The mathematics of the forward process and its inversion, stateless.

Equation numbers are those of Ho, Jain & Abbeel 2020, "Denoising Diffusion Probabilistic Models". x_0, x_t and eps
are [B, C, H, W]; t is an integer tensor [B] on any device. The tables are float64; what is computed from them is
cast to the type of the images at the very end.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ddpm.schedules import Schedule


@dataclass(frozen=True, eq=False)
class Gaussian:
    """A normal distribution over images: mean [B, C, H, W], variance the same or [B, 1, 1, 1]."""

    mean: Tensor
    variance: Tensor


def at(table: Tensor, t: Tensor, like: Tensor) -> Tensor:
    """``table[t]`` as [B, 1, 1, 1], in the type and on the device of ``like``, which is [B, ...]."""
    # The type before the device: MPS has no float64.
    return table.to(like.dtype).to(t.device)[t].view(-1, *[1] * (like.ndim - 1))


def q_sample(schedule: Schedule, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    """x_t, the image after t + 1 steps of noise, in closed form (eq. 4)."""
    return at(schedule.alpha_bar.sqrt(), t, x_0) * x_0 + at((1 - schedule.alpha_bar).sqrt(), t, x_0) * eps


def posterior_variance(schedule: Schedule) -> Tensor:
    """The variance of q(x_{t-1} | x_t, x_0), float64 [T] (eq. 7); 0 at t = 0."""
    return (1 - _before(schedule)) / (1 - schedule.alpha_bar) * schedule.beta


def q_posterior(schedule: Schedule, x_0: Tensor, x_t: Tensor, t: Tensor) -> Gaussian:
    """q(x_{t-1} | x_t, x_0), the step back when the clean image is known (eq. 6 and 7).

    At t = 0 it is x_0 itself, with variance 0.
    """
    alpha_bar, before = schedule.alpha_bar, _before(schedule)
    of_x_0 = before.sqrt() * schedule.beta / (1 - alpha_bar)
    of_x_t = (1 - schedule.beta).sqrt() * (1 - before) / (1 - alpha_bar)
    mean = at(of_x_0, t, x_t) * x_0 + at(of_x_t, t, x_t) * x_t
    return Gaussian(mean, at(posterior_variance(schedule), t, x_t))


def _before(schedule: Schedule) -> Tensor:
    """alpha_bar one step earlier, float64 [T], which is 1 before the first."""
    return torch.cat([schedule.alpha_bar.new_ones(1), schedule.alpha_bar[:-1]])


def x_0_from_eps(schedule: Schedule, x_t: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    """The clean image that x_t and its noise imply: eq. 4 solved for x_0."""
    return (x_t - at((1 - schedule.alpha_bar).sqrt(), t, x_t) * eps) / at(schedule.alpha_bar.sqrt(), t, x_t)


def eps_from_x_0(schedule: Schedule, x_t: Tensor, t: Tensor, x_0: Tensor) -> Tensor:
    """The noise that x_t and the clean image imply: eq. 4 solved for eps."""
    return (x_t - at(schedule.alpha_bar.sqrt(), t, x_t) * x_0) / at((1 - schedule.alpha_bar).sqrt(), t, x_t)


def v_from(schedule: Schedule, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    """v = sqrt(alpha_bar) eps - sqrt(1 - alpha_bar) x_0 (Salimans & Ho 2022, section 4)."""
    return at(schedule.alpha_bar.sqrt(), t, x_0) * eps - at((1 - schedule.alpha_bar).sqrt(), t, x_0) * x_0


def x_0_from_v(schedule: Schedule, x_t: Tensor, t: Tensor, v: Tensor) -> Tensor:
    """The clean image that x_t and v imply; unlike eps, v tells it at every noise level without a division."""
    return at(schedule.alpha_bar.sqrt(), t, x_t) * x_t - at((1 - schedule.alpha_bar).sqrt(), t, x_t) * v


def eps_from_v(schedule: Schedule, x_t: Tensor, t: Tensor, v: Tensor) -> Tensor:
    """The noise that x_t and v imply."""
    return at((1 - schedule.alpha_bar).sqrt(), t, x_t) * x_t + at(schedule.alpha_bar.sqrt(), t, x_t) * v
