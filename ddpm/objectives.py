"""What the network is trained on: a target, and how far its prediction is from it."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ddpm.config import DiffusionConfig
from ddpm.diffusion import Gaussian, at, q_posterior, q_sample, v_from, x_0_from_eps, x_0_from_v
from ddpm.likelihood import fixed_variance, learned_variance, vlb_terms
from ddpm.loss_weights import loss_weights
from ddpm.schedules import Schedule

Network = Callable[..., Tensor]
"""Called with x_t and t, and with labels where it is told the class."""


class Output(NamedTuple):
    """What a network gives, taken apart: ``prediction`` is eps, x_0 or v, [B, C, H, W].

    ``interpolation`` of the same shape is there where the variance is learned: see likelihood.learned_variance.
    """

    prediction: Tensor
    interpolation: Tensor | None


def split_output(config: DiffusionConfig, output: Tensor) -> Output:
    """The parts of a network's output, [B, C, H, W] or, with a learned variance, [B, 2C, H, W]."""
    if config.variance == "fixed":
        return Output(output, None)
    prediction, interpolation = output.chunk(2, dim=1)
    return Output(prediction, interpolation)


def random_timesteps(config: DiffusionConfig, n: int, generator: torch.Generator) -> Tensor:
    """n timesteps, each of 0 ... T - 1 equally likely: int64 [n] on the generator's device.

    "antithetic" draws half of them and mirrors them, t and T - 1 - t; "stratified" draws one offset for n values
    that are 1 / n of the range apart (Kingma et al. 2021, appendix I.1). Both spread a batch more evenly, so that
    the mean of its losses varies less.
    """
    T, device = config.T, generator.device
    match config.timestep_sampling:
        case "uniform":
            return torch.randint(T, (n,), generator=generator, device=device)
        case "antithetic":
            half = torch.randint(T, ((n + 1) // 2,), generator=generator, device=device)
            return torch.cat([half, T - 1 - half])[:n]
        case "stratified":
            u = (torch.rand((), generator=generator, device=device) + torch.arange(n, device=device) / n) % 1
            return (u * T).long().clamp(max=T - 1)


def distance(config: DiffusionConfig, prediction: Tensor, truth: Tensor) -> Tensor:
    """The loss of each image, [B]: the mean over its values of the distance that the recipe names (not "vlb").

    Huber is quadratic below ``huber_delta`` and linear above, divided by huber_delta, so that it tends to L1 as
    huber_delta goes to 0.
    """
    prediction = prediction.to(truth.dtype)  # from the network's bfloat16
    match config.loss:
        case "mse":
            loss = F.mse_loss(prediction, truth, reduction="none")
        case "l1":
            loss = F.l1_loss(prediction, truth, reduction="none")
        case "huber":
            delta = config.huber_delta
            loss = F.huber_loss(prediction, truth, reduction="none", delta=delta) / delta
    return loss.flatten(1).mean(dim=1)


def target(config: DiffusionConfig, schedule: Schedule, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    """What the network should predict for x_t, [B, C, H, W]: eps, x_0 or v."""
    match config.prediction:
        case "eps":
            return eps
        case "x_0":
            return x_0
        case "v":
            return v_from(schedule, x_0, t, eps)


def predicted_x_0(
    config: DiffusionConfig, schedule: Schedule, x_t: Tensor, t: Tensor, prediction: Tensor
) -> Tensor:
    """The clean image, [B, C, H, W], that a prediction for x_t implies."""
    match config.prediction:
        case "eps":
            return x_0_from_eps(schedule, x_t, t, prediction)
        case "x_0":
            return prediction
        case "v":
            return x_0_from_v(schedule, x_t, t, prediction)


def predict(network: Network, x_t: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
    """The network's output; without labels the network is not told of any."""
    return network(x_t, t) if labels is None else network(x_t, t, labels)


def diffusion_loss(
    network: Network,
    config: DiffusionConfig,
    schedule: Schedule,
    x_0: Tensor,
    t: Tensor,
    eps: Tensor,
    labels: Tensor | None = None,
) -> Tensor:
    """The loss of each image, [B] in the type of x_0, for the noise that is given.

    The recipe's distance between prediction and target, times the weight of its t: without a weight, L_simple of
    Ho et al. 2020, eq. 14. Where the variance is learned, ``vlb_weight`` times the variational bound is added, which
    teaches the variance only: L_hybrid of Nichol & Dhariwal 2021, eq. 16. The loss "vlb" is the bound alone.
    ``labels`` (int64 [B]) are for a network that is told the class.
    """
    x_t = q_sample(schedule, x_0, t, eps)
    output = split_output(config, predict(network, x_t, t, labels))
    if config.loss == "vlb":
        return vlb_loss(config, schedule, x_0, x_t, t, output)
    loss = distance(config, output.prediction, target(config, schedule, x_0, t, eps))
    loss = at(loss_weights(config, schedule), t, loss) * loss
    if output.interpolation is not None:
        of_variance = Output(output.prediction.detach(), output.interpolation)
        loss = loss + config.vlb_weight * vlb_loss(config, schedule, x_0, x_t, t, of_variance)
    return loss


def vlb_loss(
    config: DiffusionConfig, schedule: Schedule, x_0: Tensor, x_t: Tensor, t: Tensor, output: Output
) -> Tensor:
    """T times each image's term of the variational bound, bits per dimension [B].

    As t is uniform, its expectation is the whole bound but for the prior term, which nothing can be learned from.
    A variance that is not learned is that of the posterior.
    """
    expected_x_0 = predicted_x_0(config, schedule, x_t, t, output.prediction.to(x_t.dtype))
    mean = q_posterior(schedule, expected_x_0, x_t, t).mean
    if output.interpolation is None:
        variance = at(fixed_variance(schedule, "posterior"), t, x_t)
    else:
        variance = learned_variance(schedule, t, output.interpolation.to(x_t.dtype))
    return schedule.T * vlb_terms(schedule, x_0, x_t, t, Gaussian(mean, variance))
