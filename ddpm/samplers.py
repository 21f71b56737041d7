"""Samplers: from noise to images. Each is one flat generator over explicit pairs (t, t_prev).

A denoiser is any function of x_t [B, C, H, W] and t (int64 [B]) that returns the clean image x_0 it expects, of
the same shape, however it came to it. The samplers yield one Step for each pair; the last one holds the finished
images. Stop iterating to stop.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ddpm.schedules import Schedule

Denoiser = Callable[[Tensor, Tensor], Tensor]
Noise = Callable[[], Tensor]


class Step(NamedTuple):
    """``step`` of the denoising steps are done (1 for the first); x_t is where they led, x_0 the last prediction."""

    step: int
    x_t: Tensor
    x_0: Tensor


@torch.no_grad()
def ddpm(
    denoiser: Denoiser,
    schedule: Schedule,
    x_T: Tensor,
    timesteps: Sequence[int],
    noise: Noise,
    *,
    variance: Literal["posterior", "beta"] = "posterior",
    clip: float | None = 1.0,
) -> Iterator[Step]:
    """Ancestral sampling (Ho et al. 2020, algorithm 2), over all timesteps or over some of them.

    ``timesteps`` fall strictly; ``noise`` gives standard normal [B, C, H, W]. The noise of a step has the
    variance beta, or that of the posterior (section 3.2); with fewer steps, the beta of the longer step
    (Nichol & Dhariwal 2021, eq. 19). The predicted x_0 is clipped to [-clip, clip].
    """
    x_t = x_T
    for step, (t, t_prev) in enumerate(pairwise([*timesteps, -1]), start=1):
        alpha_bar, alpha_bar_prev = schedule.alpha_bar_before(t), schedule.alpha_bar_before(t_prev)
        beta = 1 - alpha_bar / alpha_bar_prev
        x_0 = _clipped(denoiser(x_t, _batch_of(t, x_t)), clip)
        of_x_0 = alpha_bar_prev**0.5 * beta / (1 - alpha_bar)
        of_x_t = (1 - beta) ** 0.5 * (1 - alpha_bar_prev) / (1 - alpha_bar)
        x_t = of_x_0 * x_0 + of_x_t * x_t
        if t_prev >= 0:
            posterior = beta * (1 - alpha_bar_prev) / (1 - alpha_bar)
            x_t = x_t + (beta if variance == "beta" else posterior) ** 0.5 * noise()
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
    clip: float | None = 1.0,
) -> Iterator[Step]:
    """Denoising diffusion implicit models (Song, Meng & Ermon 2021, eq. 12 and 16).

    ``timesteps`` fall strictly. With eta = 0 nothing random is added and ``noise`` is never called; with eta = 1
    and all timesteps it is ddpm with the posterior variance. The predicted x_0 is clipped to [-clip, clip], and
    the direction to x_t is taken from what is left of it.
    """
    x_t = x_T
    for step, (t, t_prev) in enumerate(pairwise([*timesteps, -1]), start=1):
        alpha_bar, alpha_bar_prev = schedule.alpha_bar_before(t), schedule.alpha_bar_before(t_prev)
        x_0 = _clipped(denoiser(x_t, _batch_of(t, x_t)), clip)
        eps = (x_t - alpha_bar**0.5 * x_0) / (1 - alpha_bar) ** 0.5
        variance = (1 - alpha_bar_prev) / (1 - alpha_bar) * (1 - alpha_bar / alpha_bar_prev)
        sigma = eta * variance**0.5
        x_t = alpha_bar_prev**0.5 * x_0 + max(0.0, 1 - alpha_bar_prev - sigma**2) ** 0.5 * eps
        if sigma > 0:
            x_t = x_t + sigma * noise()
        yield Step(step, x_t, x_0)


def _batch_of(t: int, x_t: Tensor) -> Tensor:
    return torch.full((len(x_t),), t, dtype=torch.int64, device=x_t.device)


def _clipped(x_0: Tensor, clip: float | None) -> Tensor:
    return x_0 if clip is None else x_0.clamp(-clip, clip)
