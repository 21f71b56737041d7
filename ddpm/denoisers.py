"""Denoisers: what stands between a network and a sampler.

A denoiser is any function of x_t [B, C, H, W] and t (int64 [B]) that returns the clean image x_0 it expects, of the
same shape, however it came to it. The functions here make denoisers, of networks and of other denoisers.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ddpm.config import DiffusionConfig
from ddpm.objectives import Network, predicted_x_0, split_output
from ddpm.schedules import Schedule

Denoiser = Callable[[Tensor, Tensor], Tensor]
# Also gives the fraction of Nichol & Dhariwal 2021, eq. 15, from 0 (posterior variance) to 1 (beta), as x_0's shape.
LearnedDenoiser = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
Wrapper = Callable[[Denoiser], Denoiser]


def of_network(network: Denoiser, diffusion: DiffusionConfig, schedule: Schedule) -> Denoiser:
    """The x_0 that the predictions of a network (x_t, t) imply; of a learned variance nothing is taken."""

    def denoiser(x_t: Tensor, t: Tensor) -> Tensor:
        prediction = split_output(diffusion, network(x_t, t)).prediction
        return predicted_x_0(diffusion, schedule, x_t, t, prediction)

    return denoiser


def of_network_with_fraction(
    network: Denoiser, diffusion: DiffusionConfig, schedule: Schedule
) -> LearnedDenoiser:
    """The x_0 and the fraction that a network with a learned variance, (x_t, t) -> [B, 2C, H, W], implies."""

    def denoiser(x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        prediction, raw = network(x_t, t).chunk(2, dim=1)
        return predicted_x_0(diffusion, schedule, x_t, t, prediction), (raw + 1) / 2

    return denoiser


def clipped(denoiser: Denoiser, limit: float = 1.0) -> Denoiser:
    """A denoiser whose x_0 is clipped to [-limit, limit], where images lie (Ho et al. 2020, published code)."""
    return lambda x_t, t: denoiser(x_t, t).clamp(-limit, limit)


def thresholded(denoiser: Denoiser, quantile: float = 0.995) -> Denoiser:
    """Dynamic thresholding (Saharia et al. 2022, Imagen, section 2.3).

    Each image is clipped to [-s, s] and divided by s, the quantile of its absolute values, but at least 1. That
    keeps strong guidance from driving values to the edges.
    """

    def thresholding(x_t: Tensor, t: Tensor) -> Tensor:
        x_0 = denoiser(x_t, t)
        s = _quantile(x_0.abs().flatten(1), quantile).clamp(min=1).view(-1, *[1] * (x_0.ndim - 1))
        return x_0.clamp(-s, s) / s

    return thresholding


def guided(conditional: Denoiser, unconditional: Denoiser, guidance_scale: float) -> Denoiser:
    """Classifier-free guidance (Ho & Salimans 2022, eq. 6, with guidance_scale = 1 + w).

    0 is the unconditional denoiser, 1 the conditional one, more than 1 exaggerates their difference. At a given
    x_t guidance is the same in x_0, eps and v, as each is a linear function of the others.
    """

    def guiding(x_t: Tensor, t: Tensor) -> Tensor:
        without = unconditional(x_t, t)
        return without + guidance_scale * (conditional(x_t, t) - without)

    return guiding


def of_class(network: Network, labels: Tensor) -> Denoiser:
    """A class-conditional network (x_t, t, labels) that is told the classes ``labels``, int64 [B]."""
    return lambda x_t, t: network(x_t, t, labels)


def guided_to_class(network: Network, labels: Tensor, no_class: int, guidance_scale: float) -> Denoiser:
    """``guided`` for the predictions of one class-conditional network, which is called once for both halves.

    ``no_class`` is the label that stands for no class. A learned variance is that of the conditional half.
    """

    def guiding(x_t: Tensor, t: Tensor) -> Tensor:
        both = torch.cat([labels, torch.full_like(labels, no_class)])
        output = network(torch.cat([x_t, x_t]), torch.cat([t, t]), both)
        conditional, unconditional = output.chunk(2)
        channels = x_t.shape[1]
        without = unconditional[:, :channels]
        prediction = without + guidance_scale * (conditional[:, :channels] - without)
        return torch.cat([prediction, conditional[:, channels:]], dim=1)

    return guiding


def wrapped(denoiser: LearnedDenoiser, wrapper: Wrapper) -> LearnedDenoiser:
    """A denoiser with a learned variance, of which the wrapper, such as ``clipped``, sees the x_0."""

    def wrapping(x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        x_0, fraction = denoiser(x_t, t)
        return wrapper(lambda x_t, t: x_0)(x_t, t), fraction

    return wrapping


def _quantile(values: Tensor, quantile: float) -> Tensor:
    """The quantile of each row of [B, N], between neighbours in a straight line: [B].

    torch.quantile refuses more than 2^24 values, which a batch of large images has.
    """
    ordered = values.sort(dim=1).values
    place = quantile * (values.shape[1] - 1)
    below = int(place)
    above = min(below + 1, values.shape[1] - 1)
    return torch.lerp(ordered[:, below], ordered[:, above], place - below)
