"""Whether tensors hold nothing but numbers."""

from collections.abc import Iterable

import torch
from torch import Tensor


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether no value of any of them is infinite or NaN; tensors of any shapes, on any devices."""
    # The largest absolute value tells, without the squares of other norms, which are infinite long before it is.
    return bool(torch.nn.utils.get_total_norm(tensors, float("inf")).isfinite())
