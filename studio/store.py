"""Series of numbers for plots: growing arrays, a moving average without bias, extremes per column.

Plain numpy, no screen in sight.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# How many points the average remembers: a fixed part of the curve so far, so that it follows the steep first
# points and lags behind by the same few columns of a plot however long a run gets.
SHARE_REMEMBERED = 1 / 40
LEAST_MEMORY, MOST_MEMORY = 2.0, 50.0


class Series:
    """Points whose x rises, and the moving average of their y.

    y may be NaN: such a point is a gap in the curve and leaves the average as it was. Appending is amortised
    O(1) a point; reading copies nothing.
    """

    def __init__(self) -> None:
        self._points = np.empty((3, 256))
        self._length = 0
        self._forget_average()

    def __len__(self) -> int:
        return self._length

    @property
    def x(self) -> Floats:
        return self._points[0, : self._length]

    @property
    def y(self) -> Floats:
        return self._points[1, : self._length]

    @property
    def smooth(self) -> Floats:
        """The exponential moving average of y, divided by the weight seen so far: true from the start."""
        return self._points[2, : self._length]

    def clear(self) -> None:
        self._length = 0
        self._forget_average()

    def _forget_average(self) -> None:
        self._averaged_points = 0
        self._average = 0.0
        self._weight = 0.0

    def extend(self, x: Sequence[float], y: Sequence[float]) -> None:
        """Append points. Raises ValueError where x and y differ in length or x falls."""
        if len(x) != len(y):
            raise ValueError(f"{len(x)} values of x, but {len(y)} of y")
        if len(x) == 0:
            return
        new_x = np.asarray(x, dtype=np.float64)
        last = self.x[-1] if self._length else -np.inf
        if new_x[0] < last or bool(np.any(np.diff(new_x) < 0)):
            raise ValueError("x must not fall")
        self._make_room(len(x))
        end = self._length + len(x)
        self._points[0, self._length : end] = new_x
        self._points[1, self._length : end] = y
        for at in range(self._length, end):
            self._points[2, at] = self._averaged(float(self._points[1, at]))
        self._length = end

    def _averaged(self, value: float) -> float:
        if not np.isfinite(value):
            return float("nan")
        self._averaged_points += 1
        memory = min(max(SHARE_REMEMBERED * self._averaged_points, LEAST_MEMORY), MOST_MEMORY)
        self._average += (value - self._average) / memory
        self._weight += (1 - self._weight) / memory
        return self._average / self._weight

    def _make_room(self, more: int) -> None:
        capacity = self._points.shape[1]
        while capacity < self._length + more:
            capacity *= 2
        if capacity > self._points.shape[1]:
            larger = np.empty((3, capacity))
            larger[:, : self._length] = self._points[:, : self._length]
            self._points = larger


def column_extremes(x: Floats, y: Floats, first: float, last: float, columns: int) -> tuple[Floats, Floats]:
    """The least and the greatest y of the points in each of ``columns`` equal parts of [first, last].

    Returns two arrays [columns]; NaN where a part has no finite point. Costs O(points inside + columns).
    """
    low, high = np.full(columns, np.nan), np.full(columns, np.nan)
    inside = slice(np.searchsorted(x, first, "left"), np.searchsorted(x, last, "right"))
    x, y = x[inside], y[inside]
    finite = np.isfinite(y)
    x, y = x[finite], y[finite]
    if len(x) == 0:
        return low, high
    span = last - first
    column = np.zeros(len(x), dtype=np.int64)
    if span > 0:
        column = np.minimum(((x - first) / span * columns).astype(np.int64), columns - 1)
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    low[column[starts]] = np.minimum.reduceat(y, starts)
    high[column[starts]] = np.maximum.reduceat(y, starts)
    return low, high
