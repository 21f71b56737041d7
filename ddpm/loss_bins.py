"""The loss by where the timesteps lie: what a network still has to learn, and at which noise."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

LOSS_BINS = 8


def bin_sums(losses: ArrayLike, t: ArrayLike, T: int) -> tuple[list[float], list[int]]:
    """The sum and the number of the losses in each of LOSS_BINS equal parts of 0 ... T - 1.

    ``losses`` [B] are those of the images, as they are trained on, and ``t`` [B] their timesteps. They are added in
    the order of the batch, so that the same batch gives the same bits.
    """
    index = np.asarray(t).astype(np.int64) * LOSS_BINS // T
    sums = np.bincount(index, np.asarray(losses, dtype=np.float64), LOSS_BINS)
    return sums.tolist(), np.bincount(index, minlength=LOSS_BINS).tolist()


def bin_means(sums: Sequence[float], counts: Sequence[int]) -> list[float | None]:
    """The mean of each part in four digits, as many as a colour can show; None where nothing fell into it."""
    return [float(f"{total / n:.4g}") if n else None for total, n in zip(sums, counts, strict=True)]
