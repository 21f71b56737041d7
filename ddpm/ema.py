"""The moving average of the weights, from which samples are drawn."""

import torch
from torch import Tensor, nn


def warmed_up_decay(decay: float, step: int) -> float:
    """The decay of update ``step`` (1, 2, ...): short memory at first, so that the random start is soon forgotten.

    (1 + step) / (10 + step) until that exceeds ``decay``: the warm-up of TensorFlow's ExponentialMovingAverage.
    """
    return min(decay, (1 + step) / (10 + step))


class ExponentialMovingAverage:
    """A copy of a network's parameters that follows them slowly. Only parameters: buffers are constants here."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self._live = dict(network.named_parameters())
        self.weights = {name: parameter.detach().clone() for name, parameter in self._live.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average towards the weights after optimizer step ``step`` (1 for the first)."""
        live = [parameter.detach() for parameter in self._live.values()]
        torch._foreach_lerp_(list(self.weights.values()), live, 1 - warmed_up_decay(self.decay, step))

    @torch.no_grad()
    def load(self, weights: dict[str, Tensor]) -> None:
        """Go on from stored weights of the same names and shapes."""
        for name, value in self.weights.items():
            value.copy_(weights[name])
