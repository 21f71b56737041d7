"""Moving averages of the weights, from which samples are drawn; several may follow one network."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from ddpm.averaging import POWER, exponent_of
from ddpm.train_config import TrainConfig


def warmed_up_decay(decay: float, step: int) -> float:
    """The decay of update ``step`` (1, 2, ...): short memory at first, so that the random start is soon forgotten.

    (1 + step) / (10 + step) until that exceeds ``decay``: the warm-up of TensorFlow's ExponentialMovingAverage.
    """
    return min(decay, (1 + step) / (10 + step))


class WeightAverage(ABC):
    """A copy of a network's parameters that follows them slowly. Only parameters: buffers are constants here."""

    def __init__(self, network: nn.Module) -> None:
        self._live = dict(network.named_parameters())
        self.weights = {name: parameter.detach().clone() for name, parameter in self._live.items()}

    @abstractmethod
    def decay_at(self, step: int) -> float:
        """The share of the old average that is kept at update ``step`` (1, 2, ...)."""

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average towards the weights after optimizer step ``step`` (1 for the first)."""
        live = [parameter.detach() for parameter in self._live.values()]
        torch._foreach_lerp_(list(self.weights.values()), live, 1 - self.decay_at(step))

    @torch.no_grad()
    def load(self, weights: dict[str, Tensor]) -> None:
        """Go on from stored weights of the same names and shapes."""
        for name, value in self.weights.items():
            value.copy_(weights[name])


class ExponentialMovingAverage(WeightAverage):
    """Weights of the past count by how many steps ago they were: decay ** steps, after a warm-up."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__(network)
        self.decay = decay

    def decay_at(self, step: int) -> float:
        return warmed_up_decay(self.decay, step)


class PowerFunctionAverage(WeightAverage):
    """Weights of step tau count by tau ** gamma: the memory grows with the run (Karras et al. 2024, section 3.1).

    ``length`` is the width of that peak as a share of the run, sigma_rel in the paper. The random start counts
    nothing. From stored snapshots of two or more lengths any other can be had afterwards: see ddpm.averaging.
    """

    def __init__(self, network: nn.Module, length: float) -> None:
        super().__init__(network)
        self.exponent = exponent_of(length)

    def decay_at(self, step: int) -> float:
        return float((1 - 1 / step) ** (self.exponent + 1))


def build_averages(config: TrainConfig, network: nn.Module) -> dict[str, WeightAverage]:
    """The averages of a recipe by the names of their files: ``ema`` always, ``ema-0.9999``, ``power-0.05`` ..."""
    averages: dict[str, WeightAverage] = {"ema": ExponentialMovingAverage(network, config.ema_decay)}
    for decay in config.ema_more_decays:
        averages[f"ema-{decay}"] = ExponentialMovingAverage(network, decay)
    for length in config.ema_lengths:
        averages[power_name(length)] = PowerFunctionAverage(network, length)
    return averages


def power_name(length: float) -> str:
    """The name of the file of a power-function average."""
    return f"{POWER}{length}"
