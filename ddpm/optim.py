"""The optimizer, and the learning rate as a pure function of the step."""

import math

import torch
from torch import Tensor, nn

from ddpm.train_config import TrainConfig


def learning_rate(config: TrainConfig, step: int) -> float:
    """The learning rate of step ``step`` (0 for the first): a straight rise, then constant or a half cosine to 0."""
    if step < config.warmup_steps:
        return config.lr * (step + 1) / config.warmup_steps
    if config.lr_schedule == "constant":
        return config.lr
    progress = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return config.lr * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def build_optimizer(config: TrainConfig, network: nn.Module) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019); gains and biases, which have one axis, are not decayed."""
    parameters = list(network.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    # One kernel for all tensors: on a small network the optimizer is otherwise a fifth of a step.
    return torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, 0.99), fused=True)


def optimizer_tensors(optimizer: torch.optim.Optimizer, network: nn.Module) -> dict[str, Tensor]:
    """The optimizer's state as flat named tensors, such as ``exp_avg/input.weight``; empty before the first step."""
    return {
        f"{key}/{name}": value
        for name, parameter in network.named_parameters()
        for key, value in optimizer.state[parameter].items()
    }


def load_optimizer_tensors(
    optimizer: torch.optim.Optimizer, network: nn.Module, tensors: dict[str, Tensor]
) -> None:
    """Put back what optimizer_tensors gave, in place of all that is there.

    Raises KeyError for a name that the network does not have, ValueError for a moment of another shape: the
    optimizer's kernel would not look at it again.
    """
    parameters = dict(network.named_parameters())
    optimizer.state.clear()
    for key_and_name, value in tensors.items():
        key, _, name = key_and_name.partition("/")
        parameter = parameters[name]
        if value.shape != (() if key == "step" else parameter.shape):
            raise ValueError(f"{key_and_name} has the shape {list(value.shape)}, not {list(parameter.shape)}")
        optimizer.state[parameter][key] = value.to(parameter.device).clone()
