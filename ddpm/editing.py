"""Editing: images made from images. Each function is a generator of Steps, as the samplers are.

``sampler`` is a sampler with its denoiser, schedule and options bound, such as
``partial(samplers.ddim, denoiser, schedule)``; ``timesteps`` fall strictly, and ``noise`` gives standard normal
[B, C, H, W]. Images are [B, C, H, W] in [-1, 1].
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ddpm.denoisers import Denoiser
from ddpm.samplers import BoundSampler, Noise, Step, ddim_inversion
from ddpm.schedules import Schedule


def image_to_image(
    sampler: BoundSampler,
    schedule: Schedule,
    x_0: Tensor,
    timesteps: Sequence[int],
    noise: Noise,
    *,
    strength: float,
) -> Iterator[Step]:
    """Noise images, and draw them anew from there (SDEdit: Meng et al. 2022, section 3).

    ``strength``, from 0 to 1, is the share of the timesteps that is gone through. 0 gives the images back, in one
    Step of number 0; 1 begins with nothing but noise, which is sampling.
    """
    visited = last_part(timesteps, strength)
    if not visited:
        yield Step(0, x_0, x_0)
    elif strength == 1:
        yield from sampler(noise(), visited, noise)
    else:
        yield from sampler(noised(schedule, x_0, visited[0], noise()), visited, noise)


def interpolate(
    sampler: BoundSampler, a: Tensor, b: Tensor, weights: Tensor, timesteps: Sequence[int], noise: Noise
) -> Iterator[Step]:
    """Images on the way from a to b (Song, Meng & Ermon 2021, section 5.3).

    ``a`` and ``b`` [1, C, H, W] are two images at the level of the first timestep, by ``inverted`` or by ``noised``;
    ``weights`` [B] say how far on the way each image lies, 0 at a and 1 at b.
    """
    return sampler(slerp(a, b, weights), timesteps, noise)


def repaint(
    sampler: BoundSampler,
    schedule: Schedule,
    x_0: Tensor,
    mask: Tensor,
    timesteps: Sequence[int],
    noise: Noise,
    *,
    jump_length: int = 10,
    resample: int = 10,
) -> Iterator[Step]:
    """Paint a part of images anew so that it fits the rest (RePaint: Lugmayr et al. 2022, algorithm 1).

    ``mask`` [1 or B, 1, H, W] is 1 where to paint and 0 where to keep x_0, which is kept exactly. After each step
    the part to keep is put in at the noise level reached. Every ``jump_length`` steps the image is noised back by
    as many and denoised again, so that each such stretch is gone through ``resample`` times: both parts grow
    together. Steps are taken one at a time, so that a sampler that remembers its last step starts anew with each.
    """
    x_t, step = noise(), 0
    for position, then in pairwise(walk(len(timesteps), jump_length, resample)):
        t, t_then = timesteps[position], timesteps[then] if then < len(timesteps) else -1
        if t_then > t:
            kept = schedule.alpha_bar_before(t_then) / schedule.alpha_bar_before(t)
            x_t = kept**0.5 * x_t + (1 - kept) ** 0.5 * noise()
            continue
        step += 1
        painted = next(sampler(x_t, [t, t_then] if t_then >= 0 else [t], noise))
        known = noised(schedule, x_0, t_then, noise()) if t_then >= 0 else x_0
        x_t = torch.lerp(known, painted.x_t, mask)
        yield Step(step, x_t, torch.lerp(x_0, painted.x_0, mask))


def walk(n: int, jump_length: int, resample: int) -> list[int]:
    """The positions among n timesteps that ``repaint`` goes through, from 0, the noise, to n, the image.

    Single steps forward, and jumps back: ``resample`` - 1 of them at each place that is a multiple of
    ``jump_length`` steps before the last timestep, where there are as many steps to jump over.
    """
    jumps = dict.fromkeys(range(n - 1, jump_length - 1, -jump_length), resample - 1)
    position, path = 0, [0]
    while position < n:
        position += 1
        path.append(position)
        if jumps.get(position):
            jumps[position] -= 1
            position -= jump_length
            path.append(position)
    return path


@torch.no_grad()
def inverted(
    denoiser: Denoiser, schedule: Schedule, x_0: Tensor, timesteps: Sequence[int], *, iterations: int = 1
) -> Tensor:
    """The noise [B, C, H, W] that DDIM with eta = 0 makes the images of: see ``ddim_inversion``."""
    x_t = x_0
    for step in ddim_inversion(denoiser, schedule, x_0, timesteps, iterations=iterations):
        x_t = step.x_t
    return x_t


def noised(schedule: Schedule, x_0: Tensor, t: int, eps: Tensor) -> Tensor:
    """Images at the noise level of one t, with the noise that is given (Ho et al. 2020, eq. 4)."""
    alpha_bar = schedule.alpha_bar_before(t)
    return math.sqrt(alpha_bar) * x_0 + math.sqrt(1 - alpha_bar) * eps


def slerp(a: Tensor, b: Tensor, weights: Tensor) -> Tensor:
    """Spherical interpolation between images, each taken as one long vector (Shoemake 1985): [B, C, H, W].

    On the way between vectors of one norm the norm stays, as that of noise should, while a straight line between two
    noises leads through fainter ones. Where a and b point the same or the opposite way the line is straight.
    """
    flat_a, flat_b = a.flatten(1), b.flatten(1)
    cosine = (flat_a * flat_b).sum(1) / (flat_a.norm(dim=1) * flat_b.norm(dim=1)).clamp(min=1e-12)
    angle = torch.acos(cosine.clamp(-1, 1))
    straight = angle.sin() < 1e-4
    safe = torch.where(straight, torch.ones_like(angle), angle)
    of_a = torch.where(straight, 1 - weights, ((1 - weights) * safe).sin() / safe.sin())
    of_b = torch.where(straight, weights, (weights * safe).sin() / safe.sin())
    axes = [1] * (a.ndim - 1)
    return of_a.view(-1, *axes) * a + of_b.view(-1, *axes) * b


def last_part(timesteps: Sequence[int], strength: float) -> Sequence[int]:
    """The share ``strength`` of the timesteps that lies next to the image: rounded, but above 0 at least one."""
    n = max(round(strength * len(timesteps)), 1 if strength > 0 else 0)
    return timesteps[len(timesteps) - n :]
