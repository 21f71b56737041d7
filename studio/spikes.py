"""Where a loss jumps: points far above the ones before them. Plain numpy, no screen in sight.

A point is a spike where it exceeds the median of the WINDOW numbers before it by more than THRESHOLD of their robust
standard deviations, 1.4826 times the median absolute deviation (Iglewicz & Hoaglin 1993), exceeds all of the QUIET
numbers just before it, and none of those is one: of a jump that lasts, its beginning is marked.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from studio.growing import Floats

WINDOW = 50
QUIET = 32
# Logged losses have heavier tails than normal numbers have: at 6 one row in ten thousand of a healthy run is marked.
THRESHOLD = 8.0
# Of the median: so much is no jump, however still the loss has been before.
LEAST_DEVIATION = 0.005


@dataclass(frozen=True)
class Spike:
    """A jump of the loss at a step, ``score`` robust standard deviations above what came before."""

    step: int
    loss: float
    score: float


class SpikeFinder:
    """Finds spikes in a loss that grows; each value is looked at once."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self._before: Floats = np.empty(0)
        self._quiet_until = 0
        self._seen = 0
        self.found: list[Spike] = []

    def extend(self, steps: ArrayLike, losses: ArrayLike) -> None:
        """Look at more values; what is no number is passed over."""
        new = np.asarray(losses, dtype=np.float64)
        is_number = np.isfinite(new)
        new, at = new[is_number], np.asarray(steps)[is_number]
        values = np.concatenate([self._before, new])
        first = len(self._before)
        self._before = values[-WINDOW:]
        indices, scores = _spikes(values)
        for index, score in zip(indices, scores, strict=True):
            count = self._seen + index - first
            if index >= first and count >= self._quiet_until:
                self._quiet_until = count + QUIET
                self.found.append(Spike(int(at[index - first]), float(values[index]), float(score)))
        self._seen += len(new)


def _spikes(values: Floats) -> tuple[np.typing.NDArray[np.int64], Floats]:
    """The indices of the spikes and their scores; the first WINDOW values have too little before them."""
    candidates = WINDOW + np.flatnonzero(values[WINDOW:] > _greatest_of(values[:-1], QUIET)[WINDOW - QUIET :])
    if not len(candidates):
        return candidates, np.empty(0)
    before = sliding_window_view(values, WINDOW)[candidates - WINDOW]
    median = np.median(before, axis=1)
    deviation = 1.4826 * np.median(np.abs(before - median[:, None]), axis=1)
    # A millionth more than nothing, where the loss was 0 all along.
    scores = (values[candidates] - median) / np.maximum(deviation, LEAST_DEVIATION * np.abs(median) + 1e-6)
    far = scores > THRESHOLD
    return candidates[far], scores[far]


def _greatest_of(values: Floats, n: int) -> Floats:
    """The greatest of each run of ``n`` values, a power of two, [len - n + 1]: runs of 1, 2, 4 ... joined in pairs."""
    greatest, length = values, 1
    while length < n and len(greatest) > length:
        greatest = np.maximum(greatest[:-length], greatest[length:])
        length *= 2
    return greatest if length == n else values[:0]
