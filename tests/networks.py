"""Untrained networks in which everything takes part."""

import torch
from torch import nn


def waken(network: nn.Module) -> nn.Module:
    """Random numbers in the layers that start at 0, so that an untrained network computes something."""
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
    return network
