"""A step in parts: the gradients of a whole batch, with fewer images in the network at once."""

import gc
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ddpm.draws import Draws


class BatchLoss(NamedTuple):
    """The loss of a batch: its mean, and that of each image, [B]."""

    mean: Tensor
    each: Tensor


def accumulate_gradients(losses_of: Callable[[Draws], Tensor], draws: Draws, images: int) -> BatchLoss:
    """Add the gradients of the mean loss of all draws, taken ``images`` at a time, and return the loss.

    ``losses_of`` gives the loss of each image, [B]. The sum is that of the whole batch but for rounding, whatever
    ``images`` is; with dropout, which draws for each part anew, it is another draw of the same kind.
    """
    loss = torch.zeros((), device=draws.x_0.device)
    each = []
    for part in draws.parts(images):
        losses = losses_of(part)
        mean = losses.mean()
        share = mean.new_tensor(len(part) / len(draws))
        mean.backward(share)  # type: ignore[no-untyped-call]
        loss = loss + share * mean.detach()
        each.append(losses.detach())
    return BatchLoss(loss, torch.cat(each))


def release_memory(device: torch.device) -> None:
    """Give back what nobody uses any more, such as the activations of a step that failed."""
    gc.collect()  # the frames of an error hold tensors in a circle
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
