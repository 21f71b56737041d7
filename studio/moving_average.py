"""An exponential moving average without bias, a whole array at a time."""

import numpy as np

from studio.growing import Floats

# How many values the average remembers: a fixed part of those so far, so that it follows the steep first ones and
# lags behind by the same few columns of a plot however long a run gets; and then no more than so many.
SHARE_REMEMBERED = 1 / 40
LEAST_MEMORY, MOST_MEMORY = 2.0, 50.0
# The products of one block's decays stay far above the smallest float.
BLOCK = 512
# Beyond it the sums of a block could overflow; no loss that anyone looks at is.
GREATEST = 1e100


class MovingAverage:
    """Kingma & Ba 2015, algorithm 1, for a decay that grows: the average divided by the weight that it has seen.

    With the memory m_k of value k: a_k = a_(k-1) + (y_k - a_(k-1)) / m_k, w_k = w_(k-1) + (1 - w_(k-1)) / m_k, and
    the answer is a_k / w_k. It depends on the values so far alone, so that neither their number nor what follows
    changes it. Within a block both are running sums divided by the product of the decays 1 - 1/m, which numpy
    computes at once; blocks begin at fixed values, so that pieces give bit for bit what the whole gives.
    """

    def __init__(self) -> None:
        self._count = 0
        self._start_block(0.0, 0.0)

    def _start_block(self, average: float, weight: float) -> None:
        self._product = 1.0
        self._sum, self._weight_sum = average, weight

    def extend(self, values: Floats) -> Floats:
        """The average at each of the next values, [N]; where a value is no number, NaN and nothing changes."""
        counted = np.abs(values) < GREATEST  # False for NaN
        averages = np.full(len(values), np.nan)
        good = values[counted]
        pieces = []
        at = 0
        while at < len(good):
            length = min(BLOCK - self._count % BLOCK, len(good) - at)
            pieces.append(self._within_block(good[at : at + length]))
            at += length
        if pieces:
            averages[counted] = np.concatenate(pieces)
        return averages

    def _within_block(self, values: Floats) -> Floats:
        counts = np.arange(self._count + 1, self._count + len(values) + 1)
        memory = np.clip(SHARE_REMEMBERED * counts, LEAST_MEMORY, MOST_MEMORY)
        products = np.cumprod(np.concatenate([[self._product], 1 - 1 / memory]))[1:]
        sums = np.cumsum(np.concatenate([[self._sum], values / memory / products]))[1:]
        weight_sums = np.cumsum(np.concatenate([[self._weight_sum], 1 / memory / products]))[1:]
        self._count += len(values)
        self._product, self._sum, self._weight_sum = (
            float(products[-1]),
            float(sums[-1]),
            float(weight_sums[-1]),
        )
        if self._count % BLOCK == 0:
            self._start_block(self._sum * self._product, self._weight_sum * self._product)
        averages: Floats = sums / weight_sums
        return averages
