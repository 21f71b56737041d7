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
            # A billionth of a step of slack, as 0.3 is not 3 * 0.1.
            first = math.ceil(low / (step * factor) - 1e-9)
            last = math.floor(high / (step * factor) + 1e-9)
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
    text = f"{value:.4g}"
    for limit, unit in ((1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            text = f"{value / (1e6 if unit == 'M' else 1e3):.4g}{unit}"
            break
    if len(text) <= 6 and "e" not in text:
        return text
    mantissa, _, exponent = f"{value:.0e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def tick_texts(ticks: list[float], longest: int = 6) -> list[str]:
    """Ticks as short as tells them apart; those that would then be longer than ``longest`` are left as tick_text."""
    texts = [tick_text(tick) for tick in ticks]
    whole = all(tick == round(tick) and abs(tick) < 1e15 for tick in ticks)
    for digits in range(5, 16):
        if len(set(texts)) == len(texts):
            break
        texts = [f"{round(tick):,}" if whole else f"{tick:.{digits}g}" for tick in ticks]
    return [
        text if len(text) <= longest else tick_text(tick) for text, tick in zip(texts, ticks, strict=True)
    ]
