"""Where on a plot a number lies, and which number lies where."""

import math
from dataclasses import dataclass

import numpy as np

from studio.growing import Floats

LABEL_WIDTH = 7


@dataclass(frozen=True)
class Scale:
    """The least and the greatest value of the y axis; on a logarithmic one both are above 0."""

    low: float
    high: float
    log: bool

    def share(self, values: Floats) -> Floats:
        """How far up from low (0) to high (1), never outside; NaN stays NaN."""
        low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
        position = np.log10(np.maximum(values, 1e-300)) if self.log else values
        # Halves, as the difference of two huge numbers may be none.
        shares: Floats = np.clip((position / 2 - low / 2) / (high / 2 - low / 2), 0, 1)
        return shares


def fitting_scale(values: Floats, log: bool) -> Scale:
    """A scale on which all finite values have a place; linear where a logarithm has none for any of them."""
    finite = values[np.isfinite(values)]
    log = log and bool((finite > 0).any())
    if log:
        finite = finite[finite > 0]
    if len(finite) == 0:
        return Scale(0.0, 1.0, False)
    low, high = float(finite.min()), float(finite.max())
    if log:
        return Scale(low / 1.1, high * 1.1, True) if low < high else Scale(low / 2, high * 2, True)
    if low == high:
        margin = abs(low) / 10 or 0.5
        return Scale(low - margin, high + margin, False)
    return Scale(low, high, False)


@dataclass(frozen=True)
class Frame:
    """The body of a plot: ``rows`` x ``columns`` cells from (top, left), and the part of the plane that it shows."""

    top: int
    left: int
    rows: int
    columns: int
    first: float
    last: float
    scale: Scale

    @property
    def x_per_column(self) -> float:
        return (self.last - self.first) / self.columns

    def column(self, x: float) -> int | None:
        """The column of cells on the widget that shows x; None where it is not shown."""
        if not self.first <= x <= self.last:
            return None
        return self.left + min(int((x - self.first) / self.x_per_column), self.columns - 1)

    def x_at(self, column: int) -> float:
        """The x in the middle of a column of cells on the widget, kept inside the body."""
        inside = min(max(column - self.left, 0), self.columns - 1)
        return self.first + (inside + 0.5) * self.x_per_column

    def level(self, values: Floats, dots_per_row: int) -> Floats:
        """How many dots above the lowest one values lie."""
        return self.scale.share(values) * (self.rows * dots_per_row - 1)

    def row(self, value: float) -> int:
        """The row of cells on the widget that shows a value, or the nearest row to it."""
        return self.top + self.rows - 1 - int(float(self.level(np.array([value]), 4)[0]) // 4)
