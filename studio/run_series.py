"""The numbers of a run over its steps, its images or its minutes. Knows no screen."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, get_args

import numpy as np

from ddpm.loss_bins import LOSS_BINS
from studio.growing import Floats, Growing
from studio.metrics_sketch import number_or_none
from studio.store import Curve, Series

Unit = Literal["steps", "images", "minutes"]
UNITS: tuple[Unit, ...] = get_args(Unit)


@dataclass(frozen=True)
class Quantity:
    """A number of each row of metrics, how it is called, and whether a logarithmic axis suits it."""

    field: str
    title: str
    log: bool
    smooth: bool


QUANTITIES = (
    Quantity("loss", "loss", log=True, smooth=True),
    Quantity("grad_norm", "gradient norm", log=True, smooth=True),
    Quantity("lr", "learning rate", log=False, smooth=False),
    Quantity("img_per_s", "images/s", log=False, smooth=True),
)
HELD_OUT = "held_out_loss"
NONE_READ: Mapping[str, Floats] = {}
BINS = tuple(f"bin {number}" for number in range(LOSS_BINS))


class Table:
    """Columns of numbers beside what x may be: steps, images and minutes, which never fall."""

    def __init__(self, curves: dict[str, Curve]) -> None:
        self._x: dict[Unit, Growing] = {unit: Growing() for unit in UNITS}
        self._curves = curves

    def __len__(self) -> int:
        return len(self._x["steps"])

    def series(self, field: str, unit: Unit) -> Series:
        return Series(self._x[unit], self._curves[field])

    def clear(self) -> None:
        for x in self._x.values():
            x.clear()
        for curve in self._curves.values():
            curve.clear()

    def become(self, other: "Table") -> None:
        """Hold what another table of the same fields holds, in place of what was here."""
        self.clear()
        for unit, x in self._x.items():
            x.extend(other._x[unit].values)
        for field, curve in self._curves.items():
            curve.extend(other._curves[field].y)

    def extend(self, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Floats] = NONE_READ) -> None:
        """Append rows of metrics whose steps rise; what they lack is a gap. ``columns``: those read already."""
        if not rows:
            return
        known = {
            "steps": numbers(rows, "step"),
            "images": numbers(rows, "images_seen"),
            "minutes": numbers(rows, "seconds") / 60,
        }
        for unit in UNITS:
            x = self._x[unit]
            # A row that lacks one of them, or a clock that fell, stands where the row before it stood.
            before = x.values[-1:] if len(x) else np.zeros(1)
            filled = np.fmax.accumulate(np.concatenate([before, known[unit]]))[1:]
            x.extend(filled)
        for field, curve in self._curves.items():
            curve.extend(columns[field] if field in columns else numbers(rows, field))


class RunSeries:
    """The rows of metrics of a run as series."""

    def __init__(self) -> None:
        curves = {quantity.field: Curve() for quantity in QUANTITIES}
        # Of four digits each: see ddpm.loss_bins.
        bins = {field: Curve(np.float32) for field in BINS}
        self._metrics = Table(curves | bins)
        self._held_out = Table({HELD_OUT: Curve()})
        self._has_bins = False

    def __len__(self) -> int:
        return len(self._metrics)

    @property
    def last_step(self) -> float:
        """The step of the newest row; minus infinity where there is none."""
        steps = self.of("loss", "steps").x
        return float(steps[-1]) if len(steps) else -math.inf

    def of(self, field: str, unit: Unit = "steps") -> Series:
        """A number of each row over steps, images or minutes; the series grows with the run."""
        return (self._held_out if field == HELD_OUT else self._metrics).series(field, unit)

    def loss_bins(self, unit: Unit = "steps") -> list[Series]:
        """The loss by equal parts of the timesteps, from little noise to much; empty for a run that has none."""
        return [self._metrics.series(field, unit) for field in BINS] if self._has_bins else []

    def places(self, steps: Sequence[float], unit: Unit) -> Floats:
        """Where on the x axis the first row at or after each step lies; the last row for later steps. Needs a row."""
        at = np.searchsorted(self.of("loss", "steps").x, steps)
        return self.of("loss", unit).x[np.minimum(at, len(self) - 1)]

    def clear(self) -> None:
        self._metrics.clear()
        self._held_out.clear()
        self._has_bins = False

    def become(self, other: "RunSeries") -> None:
        """Hold what another run's numbers are, in place of these; the series that were given out follow."""
        self._metrics.become(other._metrics)
        self._held_out.become(other._held_out)
        self._has_bins = other._has_bins

    def extend(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows of metrics, as dicts of metrics.jsonl, whose steps rise."""
        bins = [_bins(row) for row in rows]
        self._has_bins |= any(one is not _NO_BINS for one in bins)
        columns = as_numbers(list(chain.from_iterable(bins))).reshape(-1, LOSS_BINS).T
        self._metrics.extend(rows, dict(zip(BINS, columns, strict=True)))
        # Rarely measured: points of their own, so that the line joins them.
        self._held_out.extend([row for row in rows if math.isfinite(number(row.get(HELD_OUT)))])


_NO_BINS = [None] * LOSS_BINS


def _bins(row: Mapping[str, Any]) -> list[Any]:
    bins = row.get("loss_bins")
    return bins if isinstance(bins, list) and len(bins) == LOSS_BINS else _NO_BINS


def rising(rows: Sequence[dict[str, Any]], last: float = -math.inf) -> list[dict[str, Any]]:
    """The rows whose steps do not fall below ``last`` or the steps before them.

    A trainer that died and was resumed may have left a row that steps back; what it repeats is newer.
    """
    taken = []
    for row in rows:
        step = number(row.get("step"))
        if math.isfinite(step) and step >= last:
            taken.append(row)
            last = step
    return taken


def numbers(rows: Sequence[Mapping[str, Any]], field: str) -> Floats:
    """The numbers of a field, [len(rows)]; NaN where there is none."""
    return as_numbers([row.get(field) for row in rows])


def as_numbers(values: list[Any]) -> Floats:
    """Each value as ``number`` has it, [len(values)]."""
    try:
        # At once, which takes a tenth of the time; None becomes NaN.
        found = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        found = np.empty(0)
    return found if found.shape == (len(values),) else np.array([number(value) for value in values])


def number(value: object) -> float:
    """A number of a row; NaN where there is none, or none that a float holds."""
    found = number_or_none(value)
    return math.nan if found is None else found
