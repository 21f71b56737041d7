"""Samplers of second order: fewer steps for the same images. Signature and contract are those of ``samplers``.

``ratio`` is sigma / alpha = sqrt((1 - alpha_bar) / alpha_bar), the noise level of Karras et al. 2022: 0 for the clean
image, infinite where alpha_bar is 0.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ddpm.denoisers import Denoiser
from ddpm.samplers import Noise, Step, batch_of, pairs
from ddpm.schedules import Schedule

# Over a step on which the noise level falls further than this, Heun's correction is worse than none.
LONGEST_HEUN_STEP = 10.0


@torch.no_grad()
def heun(
    denoiser: Denoiser, schedule: Schedule, x_T: Tensor, timesteps: Sequence[int], noise: Noise
) -> Iterator[Step]:
    """Heun's method for the probability flow in x / alpha over ratio (Karras et al. 2022, algorithm 1).

    Deterministic; two calls of the denoiser a step. Euler's step is kept on the way to the clean image, as in the
    paper, and where ratio falls more than tenfold: from a first timestep that is all but noise the trapezoid rule
    would overshoot by ratio / ratio_prev.
    """
    x_t = x_T
    for step, (t, t_prev) in enumerate(pairs(timesteps), start=1):
        alpha_bar, alpha_bar_prev = schedule.alpha_bar_before(t), schedule.alpha_bar_before(t_prev)
        ratio, ratio_prev = _ratio(alpha_bar), _ratio(alpha_bar_prev)
        x_0 = denoiser(x_t, batch_of(t, x_t))
        eps = (x_t - alpha_bar**0.5 * x_0) / (1 - alpha_bar) ** 0.5
        x_t = alpha_bar_prev**0.5 * x_0 + (1 - alpha_bar_prev) ** 0.5 * eps
        if ratio <= LONGEST_HEUN_STEP * ratio_prev:
            x_0 = denoiser(x_t, batch_of(t_prev, x_t))
            eps_prev = (x_t - alpha_bar_prev**0.5 * x_0) / (1 - alpha_bar_prev) ** 0.5
            x_t = x_t + alpha_bar_prev**0.5 * (ratio_prev - ratio) / 2 * (eps_prev - eps)
        yield Step(step, x_t, x_0)


@torch.no_grad()
def dpm_solver_2m(
    denoiser: Denoiser,
    schedule: Schedule,
    x_T: Tensor,
    timesteps: Sequence[int],
    noise: Noise,
    *,
    eta: float = 0.0,
    previous: tuple[int, Tensor] | None = None,
) -> Iterator[Step]:
    """DPM-Solver++(2M) (Lu et al. 2022b, algorithm 2) with eta = 0, SDE-DPM-Solver++(2M) (same paper) with eta = 1.

    An eta between puts a part of the noise back (k-diffusion's sampler). One call of the denoiser a step: x_0 is
    extrapolated over log(1 / ratio) from this one and the one before. The first step and the last, which would
    extrapolate infinitely far, are of first order. ``previous``, the timestep and the x_0 of the step before x_T,
    goes on with a drawing exactly; without it the first step starts anew.
    """
    x_t = x_T
    for step, (t, t_prev) in enumerate(pairs(timesteps), start=1):
        alpha_bar, alpha_bar_prev = schedule.alpha_bar_before(t), schedule.alpha_bar_before(t_prev)
        falls = _ratio(alpha_bar_prev) / _ratio(alpha_bar)
        x_0 = denoiser(x_t, batch_of(t, x_t))
        extrapolated = x_0
        if previous is not None and t_prev >= 0:
            fell = _ratio(alpha_bar) / _ratio(schedule.alpha_bar_before(previous[0]))
            weight = math.log(falls) / math.log(fell) / 2 if fell > 0 else 0.0
            extrapolated = x_0 + weight * (x_0 - previous[1])
        kept = ((1 - alpha_bar_prev) / (1 - alpha_bar)) ** 0.5 * falls**eta
        x_t = kept * x_t + alpha_bar_prev**0.5 * (1 - falls ** (1 + eta)) * extrapolated
        if eta > 0 and t_prev >= 0:
            x_t = x_t + ((1 - alpha_bar_prev) * (1 - falls ** (2 * eta))) ** 0.5 * noise()
        previous = (t, x_0)
        yield Step(step, x_t, x_0)


def _ratio(alpha_bar: float) -> float:
    return math.sqrt((1 - alpha_bar) / alpha_bar) if alpha_bar > 0 else math.inf
