"""What the network is trained on: the noise, and how far its guess is from it."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ddpm.config import DiffusionConfig
from ddpm.diffusion import q_sample
from ddpm.schedules import Schedule

Network = Callable[[Tensor, Tensor], Tensor]


def random_timesteps(T: int, n: int, generator: torch.Generator) -> Tensor:
    """n timesteps, each of 0 ... T - 1 equally likely: int64 [n] on the generator's device."""
    return torch.randint(T, (n,), generator=generator, device=generator.device)


def distance(config: DiffusionConfig, prediction: Tensor, target: Tensor) -> Tensor:
    """The loss of each image, float32 [B]: the mean over its values of the distance that the recipe names.

    Huber is quadratic below ``huber_delta`` and linear above, divided by huber_delta, so that it tends to L1 as
    huber_delta goes to 0.
    """
    prediction, target = prediction.float(), target.float()
    match config.loss:
        case "mse":
            loss = F.mse_loss(prediction, target, reduction="none")
        case "l1":
            loss = F.l1_loss(prediction, target, reduction="none")
        case "huber":
            delta = config.huber_delta
            loss = F.huber_loss(prediction, target, reduction="none", delta=delta) / delta
    return loss.flatten(1).mean(dim=1)


def diffusion_loss(
    network: Network, config: DiffusionConfig, schedule: Schedule, x_0: Tensor, t: Tensor, eps: Tensor
) -> Tensor:
    """The loss of each image, float32 [B]: L_simple of Ho et al. 2020, eq. 14, for the noise that is given."""
    return distance(config, network(q_sample(schedule, x_0, t, eps), t), eps)
