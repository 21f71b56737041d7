"""A curve in one line of text."""

import math
from collections.abc import Sequence
from itertools import pairwise

BLOCKS = "▁▂▃▄▅▆▇█"
GAP = "·"


def sparkline(values: Sequence[float], width: int, blocks: str = BLOCKS) -> str:
    """At most ``width`` characters, lowest value to highest, on a logarithmic axis where all values allow it.

    A loss falls by orders of magnitude early; on a linear axis nothing could be seen of the rest. Values that are
    not finite are gaps.
    """
    columns = _columns(values, width)
    finite = [value for value in columns if math.isfinite(value)]
    if not finite:
        return ""
    log = min(finite) > 0
    levels = [math.log(value) if log and math.isfinite(value) else value for value in columns]
    low = min(level for level in levels if math.isfinite(level))
    span = max(level for level in levels if math.isfinite(level)) - low
    return "".join(_block(level, low, span, blocks) for level in levels)


def _columns(values: Sequence[float], width: int) -> list[float]:
    if len(values) <= width:
        return list(values)
    bounds = [at * len(values) // width for at in range(width + 1)]
    return [_mean(values[first:end]) for first, end in pairwise(bounds)]


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan


def _block(level: float, low: float, span: float, blocks: str) -> str:
    if not math.isfinite(level):
        return GAP
    return blocks[min(len(blocks) - 1, int((level - low) / span * len(blocks)))] if span > 0 else blocks[0]
