"""The steps of a drawing, kept in bounded memory so that a person can go back through them."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from math import ceil
from threading import Lock

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
BUDGET = 96 << 20


@dataclass(frozen=True, eq=False)
class Frame:
    """Images in the making, uint8 [n, C, H, W], after ``done`` of ``total`` denoising steps."""

    done: int
    total: int
    x_t: Pixels
    x_0: Pixels

    @property
    def is_last(self) -> bool:
        return self.done == self.total


class Frames:
    """Every step of a drawing where ``budget`` bytes hold them all, else every second one, third one ... and the last.

    One thread adds, another reads.
    """

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._guard = Lock()
        self._kept: list[Frame] = []
        self._latest: Frame | None = None

    def add(self, frame: Frame) -> None:
        """Add the next step. A drawing that begins again, in smaller batches, has other steps: the old ones go."""
        stride = ceil(frame.total * (frame.x_t.nbytes + frame.x_0.nbytes) / self._budget)
        with self._guard:
            if self._latest is not None and frame.total != self._latest.total:
                self._kept.clear()
            self._latest = frame
            if frame.done % max(1, stride) == 0 or frame.is_last:
                self._kept.append(frame)

    @property
    def latest(self) -> Frame | None:
        """The last step there is."""
        return self._latest

    def beside(self, done: int, by: int) -> Frame | None:
        """The frame ``by`` places after that of step ``done``, or before it; the first or last where there are fewer.

        None for the latest one, which is followed while others come.
        """
        frames = self.all()
        steps = [frame.done for frame in frames]
        place = (bisect_left(steps, done) if by < 0 else bisect_right(steps, done) - 1) + by
        return frames[max(0, place)] if place < len(frames) - 1 else None

    def all(self) -> list[Frame]:
        """The kept ones and the latest, in their order."""
        with self._guard:
            there = list(self._kept)
            if self._latest is not None and (not there or there[-1].done < self._latest.done):
                there.append(self._latest)
            return there
