"""What the network is trained on: a target, and how far its prediction is from it."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ddpm.config import DiffusionConfig
from ddpm.diffusion import q_sample, v_from, x_0_from_eps, x_0_from_v
from ddpm.schedules import Schedule

Network = Callable[[Tensor, Tensor], Tensor]


def random_timesteps(T: int, n: int, generator: torch.Generator) -> Tensor:
    """n timesteps, each of 0 ... T - 1 equally likely: int64 [n] on the generator's device."""
    return torch.randint(T, (n,), generator=generator, device=generator.device)


def distance(config: DiffusionConfig, prediction: Tensor, truth: Tensor) -> Tensor:
    """The loss of each image, float32 [B]: the mean over its values of the distance that the recipe names.

    Huber is quadratic below ``huber_delta`` and linear above, divided by huber_delta, so that it tends to L1 as
    huber_delta goes to 0.
    """
    prediction, truth = prediction.float(), truth.float()
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


def diffusion_loss(
    network: Network, config: DiffusionConfig, schedule: Schedule, x_0: Tensor, t: Tensor, eps: Tensor
) -> Tensor:
    """The loss of each image, float32 [B]: L_simple of Ho et al. 2020, eq. 14, for the noise that is given.

    With another prediction than eps the same mean is taken over its own target, every t weighted alike.
    """
    prediction = network(q_sample(schedule, x_0, t, eps), t)
    return distance(config, prediction, target(config, schedule, x_0, t, eps))
