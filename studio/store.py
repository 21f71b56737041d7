"""Series of numbers for plots: what is drawn of them costs the same however long they are.

Plain numpy, no screen in sight.
"""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from studio.growing import Floats, Growing
from studio.moving_average import MovingAverage
from studio.pyramid import Indices, Pyramid, greatest, least, total

LineOf = Literal["average", "values"]


@dataclass(frozen=True)
class Columns:
    """What a plot draws of a series, one value for each of N equal parts of its window.

    ``low``, ``high``: the least and the greatest y of the part. ``line``: the mean of its values, or of their moving
    average. NaN where a part has no number. ``missing``: whether the part has points but no number.
    """

    low: Floats
    high: Floats
    line: Floats
    missing: np.typing.NDArray[np.bool_]


class Curve:
    """Values in the order of their x, their moving average, and their extremes and means over any ranges.

    Everything but the values is worked out when it is first asked for: a curve that nobody looks at costs an append.
    """

    def __init__(self, dtype: DTypeLike = np.float64) -> None:
        """``dtype``: how the values are kept; sums and averages of them are float64."""
        self._y = Growing(dtype)
        self.clear()

    def clear(self) -> None:
        self._y.clear()
        self._smooth, self._average = Growing(), MovingAverage()
        # Of the values looked at so far, those that are no numbers: few, where there are any.
        self._looked_at, self._gaps = 0, Growing()
        self._low, self._high = Pyramid(least), Pyramid(greatest)
        self._sum, self._smooth_sum = Pyramid(total), Pyramid(total)

    def __len__(self) -> int:
        return len(self._y)

    def extend(self, values: ArrayLike) -> None:
        """Append values; what is not finite becomes NaN, a gap."""
        with np.errstate(over="ignore"):  # too large for the type is not finite either
            new = np.asarray(values, dtype=self._y.values.dtype)
        self._y.extend(np.where(np.isfinite(new), new, np.nan))

    @property
    def y(self) -> Floats:
        return self._y.values

    @property
    def smooth(self) -> Floats:
        """The moving average at each value, true from the start; NaN at a gap."""
        new = self.y[len(self._smooth) :]
        if len(new):
            self._smooth.extend(self._average.extend(new))
        return self._smooth.values

    def count(self, start: Indices, end: Indices) -> Indices:
        """How many of the values in each range [start, end) are numbers, [N]."""
        gaps = self._find_gaps()
        return end - np.searchsorted(gaps, end) - (start - np.searchsorted(gaps, start))

    def known_around(self, index: int) -> tuple[int | None, int | None]:
        """The index of the last number before ``index`` and of the first from there on; None where there is none."""
        gaps = self._find_gaps()
        before = index - int(np.searchsorted(gaps, index))
        last = _index_of_number(before - 1, gaps) if before else None
        return last, (_index_of_number(before, gaps) if before < len(self) - len(gaps) else None)

    def _find_gaps(self) -> Floats:
        """The indices of the values that are no numbers."""
        new = self.y[self._looked_at :]
        if len(new):
            self._gaps.extend(self._looked_at + np.flatnonzero(~np.isfinite(new)))
            self._looked_at = len(self)
        return self._gaps.values

    @property
    def has_numbers(self) -> bool:
        """Whether any value is a number."""
        return len(self) > len(self._find_gaps())

    def extremes(self, start: Indices, end: Indices) -> tuple[Floats, Floats]:
        """The least and the greatest value of each range, [N] each; NaN where there is none."""
        self._low.follow(self.y)
        self._high.follow(self.y)
        return self._low.over(self.y, start, end), self._high.over(self.y, start, end)

    def means(self, start: Indices, end: Indices) -> Floats:
        """The mean of the values of each range, [N]; NaN where there is none."""
        self._sum.follow(self.y)
        with np.errstate(invalid="ignore"):
            return self._sum.over(self.y, start, end) / self.count(start, end)

    def smooth_means(self, start: Indices, end: Indices) -> Floats:
        """The mean of the moving average over each range, [N]; NaN where there is none."""
        smooth = self.smooth
        self._smooth_sum.follow(smooth)
        with np.errstate(invalid="ignore"):
            return self._smooth_sum.over(smooth, start, end) / self.count(start, end)


def _index_of_number(rank: int, gaps: Floats) -> int:
    """Where the number stands that has ``rank`` others before it; ``gaps``: the indices of what is no number."""
    return rank + bisect_right(range(len(gaps)), rank, key=lambda at: int(gaps[at]) - at)


class Series:
    """Points whose x rises. Several series may share their x, as the columns of one table do."""

    def __init__(self, x: Growing | None = None, curve: Curve | None = None) -> None:
        self._x = Growing() if x is None else x
        self.curve = Curve() if curve is None else curve

    @classmethod
    def of(cls, x: ArrayLike, y: ArrayLike) -> Self:
        """A series of these points. Raises ValueError as ``extend``."""
        series = cls()
        series.extend(x, y)
        return series

    def __len__(self) -> int:
        return len(self.curve)

    @property
    def x(self) -> Floats:
        return self._x.values[: len(self.curve)]

    @property
    def y(self) -> Floats:
        return self.curve.y

    @property
    def smooth(self) -> Floats:
        """The moving average of y; NaN at a gap."""
        return self.curve.smooth

    def clear(self) -> None:
        self._x.clear()
        self.curve.clear()

    def extend(self, x: ArrayLike, y: ArrayLike) -> None:
        """Append points. Raises ValueError where x and y differ in length or x falls; nothing is added then."""
        new_x, new_y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        if len(new_x) != len(new_y):
            raise ValueError(f"{len(new_x)} values of x, but {len(new_y)} of y")
        last = self.x[-1:] if len(self) else new_x[:1]
        if np.any(np.diff(np.concatenate([last, new_x])) < 0):
            raise ValueError("x must not fall")
        self._x.extend(new_x)
        self.curve.extend(new_y)

    def nearest(self, x: float) -> int | None:
        """The index of the point that is nearest to x and has a number; None where none has."""
        around = self.curve.known_around(int(np.searchsorted(self.x, x)))
        known = [index for index in around if index is not None]
        return min(known, key=lambda index: abs(self.x[index] - x), default=None)

    def beside(self, x: float, distance: float) -> float:
        """The x of the number that is furthest from the one at x within ``distance``, or else of the next one."""
        at = self.nearest(x)
        if at is None:
            return x
        known = self.curve.known_around
        if distance < 0:
            neighbour, furthest = known(at)[0], known(int(np.searchsorted(self.x, x + distance)))[1]
            found = min(index for index in (neighbour, furthest, at) if index is not None)
        else:
            end = int(np.searchsorted(self.x, x + distance, "right"))
            neighbour, furthest = known(at + 1)[1], known(end)[0]
            found = max(index for index in (neighbour, furthest, at) if index is not None)
        return float(self.x[found])

    def columns(
        self, first: float, last: float, count: int, line: LineOf = "average", *, band: bool = True
    ) -> Columns:
        """What to draw in ``count`` equal parts of [first, last], last > first; O(count * log(points)).

        A point on a border belongs to the right part, one at ``last`` to the last part. Without ``band``, whose
        extremes cost as much as all the rest, low and high are the line's.
        """
        start, end = self.ranges(first, last, count)
        means = (self.curve.smooth_means if line == "average" else self.curve.means)(start, end)
        low, high = self.curve.extremes(start, end) if band else (means, means)
        return Columns(low, high, means, missing=(end > start) & np.isnan(means))

    def ranges(self, first: float, last: float, count: int) -> tuple[Indices, Indices]:
        """Where the points of each of ``count`` equal parts of [first, last] begin and end, [count] each."""
        borders = np.linspace(first, last, count + 1)
        edges = np.searchsorted(self.x, borders, "left")
        edges[-1] = np.searchsorted(self.x, last, "right")
        return edges[:-1], edges[1:]
