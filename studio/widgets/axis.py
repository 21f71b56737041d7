"""Ticks of a plot's axes: round numbers, few of them, and how they are written."""

import math


def linear_ticks(low: float, high: float, most: int) -> list[float]:
    """At most ``most`` multiples of 1, 2 or 5 times a power of ten within [low, high]."""
    span = high - low
    if most < 1 or span <= 0 or not math.isfinite(span):
        return []
    step = 10.0 ** math.floor(math.log10(span / most))
    while True:
        for factor in (1, 2, 5):
            # Half a millionth of a step of slack, as 0.3 is not 3 * 0.1.
            first = math.ceil(low / (step * factor) - 5e-7)
            last = math.floor(high / (step * factor) + 5e-7)
            if last - first + 1 <= most:
                return [k * step * factor for k in range(first, last + 1)]
        step *= 10


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """At most ``most`` of 1, 2, 5 times powers of ten, or of powers of ten alone, within [low, high] > 0."""
    if most < 1 or not 0 < low < high:
        return []
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [f * 10.0**d for d in decades for f in factors if low <= f * 10.0**d <= high]
        if len(ticks) <= most and len(ticks) >= 2:
            return ticks
    every = max(1, math.ceil(len(decades) / most))
    ticks = [10.0**d for d in list(decades)[::every] if low <= 10.0**d <= high]
    return ticks if len(ticks) >= 2 else linear_ticks(low, high, most)


def tick_text(value: float) -> str:
    """A tick in at most six characters."""
    magnitude = abs(value)
    if magnitude != 0 and (magnitude < 0.001 or magnitude >= 1e9):
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    for limit, unit in ((1e6, "M"), (1e4, "k")):
        if magnitude >= limit:
            return f"{value / limit if unit == 'M' else value / 1e3:.4g}{unit}"
    return f"{value:.4g}"
