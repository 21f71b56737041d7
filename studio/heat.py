"""Several series as a picture: one row each, time from left to right, a number for each cell."""

from collections.abc import Sequence

import numpy as np

from studio.growing import Floats
from studio.store import Series


def heat(series: Sequence[Series], first: float, last: float, columns: int) -> Floats:
    """The mean of each series in each of equal parts of [first, last]: [len(series), columns].

    A part that lies between two points is what the point before it is; NaN where there is no number.
    """
    rows = [_row(one, first, last, columns) for one in series]
    return np.stack(rows) if rows else np.empty((0, columns))


def _row(series: Series, first: float, last: float, columns: int) -> Floats:
    start, end = series.ranges(first, last, columns)
    means = series.curve.means(start, end)
    before = series.curve.known_around(int(start[0]))[0]
    if before is not None and start[0] == end[0]:
        means[0] = series.y[before]
    # Only what lies before the end of the series is between two points.
    has_points = (end > start) | (start >= len(series))
    has_points[0] = True
    nearest = np.maximum.accumulate(np.where(has_points, np.arange(columns), 0))
    filled: Floats = means[nearest]
    return filled


def shares(values: Floats) -> Floats:
    """Where each value lies between the least (0) and the greatest (1), by their logarithms; NaN stays NaN.

    What is not above 0 counts as the least value that is.
    """
    positive = values[np.isfinite(values) & (values > 0)]
    if len(positive) == 0:
        return np.where(np.isfinite(values), 0.0, np.nan)
    low, high = np.log(positive.min()), np.log(positive.max())
    logs = np.log(np.maximum(values, positive.min()))
    found: Floats = np.where(np.isfinite(values), (logs - low) / (high - low) if high > low else 0.5, np.nan)
    return found
