"""Numbers as people read them: counts, sizes, durations and ages, each short and of predictable width."""

import math
import time

from ddpm.sizes import size as size


def count(number: int) -> str:
    """A count with thin grouping: 60000 as 60,000."""
    return f"{number:,}"


def short_count(number: float) -> str:
    """A count in at most five characters: 1200 as 1.2k, 3400000 as 3.4M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= limit:
            return f"{number / limit:.3g}{unit}"
    return f"{number:.4g}"


def shortened(text: str, longest: int) -> str:
    """Text of at most ``longest`` characters, with an ellipsis in its middle where something is left out."""
    if len(text) <= longest:
        return text
    front = longest // 2
    return f"{text[:front]}…{text[len(text) - (longest - front - 1) :]}"


def duration(seconds: float) -> str:
    """A span of time in its two largest units: 3725 as 1h 02m. Infinite or unknown: a dash."""
    if not math.isfinite(seconds) or seconds < 0:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86_400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86_400}d {whole % 86_400 // 3600:02d}h"


def step_time(seconds: float) -> str:
    """How long a training step takes: 0.0412 as 41.2 ms, 3.2 as 3.2 s."""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def age(moment: float, now: float | None = None) -> str:
    """How long ago a time (seconds since 1970) was, in one unit. Zero means never."""
    if moment <= 0:
        return "–"
    seconds = max(0.0, (time.time() if now is None else now) - moment)
    for limit, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= limit:
            return f"{int(seconds // limit)} {unit} ago"
    return "just now" if seconds < 5 else f"{int(seconds)} s ago"


def clock(moment: float, now: float | None = None) -> str:
    """The local time of day, with the date in front where it is more than a day away; a dash for what is no time."""
    try:
        there = time.localtime(moment)
    except (OverflowError, ValueError, OSError):
        return "–"
    if moment <= 0:
        return "–"
    far = abs((time.time() if now is None else now) - moment) > 86_400
    return time.strftime("%Y-%m-%d %H:%M" if far else "%H:%M:%S", there)


def loss(value: float | None) -> str:
    """A loss with four digits that matter; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–" if value is None else "not finite"
    return f"{value:.4f}" if 0.001 <= abs(value) < 100 else f"{value:.3g}"


def rate(value: float | None) -> str:
    """Images per second, with a digit after the point only where it matters."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.1f}" if value < 10 else count(round(value))
