"""Sums, least and greatest values of any ranges of a long array, without reading all of it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from studio.growing import Floats, Growing

FACTOR = 8
Indices = NDArray[np.int64]
Reduce = Callable[[Floats], Floats]


def least(rows: Floats) -> Floats:
    """The least number of each row, [N, K] to [N]; NaN counts as absent."""
    found: Floats = np.fmin.reduce(rows, axis=1)
    return found


def greatest(rows: Floats) -> Floats:
    """The greatest number of each row, [N, K] to [N]; NaN counts as absent."""
    found: Floats = np.fmax.reduce(rows, axis=1)
    return found


def total(rows: Floats) -> Floats:
    """The sum of each row, [N, K] to [N]; NaN counts as absent."""
    found: Floats = np.nansum(rows, axis=1, dtype=np.float64)
    return found


class Pyramid:
    """Each level holds one value for eight of the level below; the lowest is the array itself.

    So a range costs at most two times seven values on each level: O(log n) for exact answers, whatever its length.
    """

    def __init__(self, reduce: Reduce) -> None:
        """``reduce``: least, greatest or total."""
        self._reduce = reduce
        self._levels: list[Growing] = []

    def follow(self, values: Floats) -> None:
        """Take in what was appended to ``values`` since the last call: the whole array, whose old part is as it was."""
        below = values
        for level in range(64):
            blocks = len(below) // FACTOR
            if blocks == 0:
                return
            if level == len(self._levels):
                self._levels.append(Growing())
            known = self._levels[level]
            new = below[len(known) * FACTOR : blocks * FACTOR]
            if len(new):
                known.extend(self._reduce(new.reshape(-1, FACTOR)))
            below = known.values

    def over(self, values: Floats, start: Indices, end: Indices) -> Floats:
        """``reduce`` of ``values[start[i]:end[i]]`` for each i, [N]; NaN (0 for totals) where there is nothing.

        ``values`` is what was last followed.
        """
        found = np.full(len(start), np.nan)
        for level in [values, *(level.values for level in self._levels)]:
            inner_start, inner_end = -(-start // FACTOR) * FACTOR, end // FACTOR * FACTOR
            has_blocks = inner_start < inner_end
            head_end = np.where(has_blocks, inner_start, end)
            tail_start = np.where(has_blocks, inner_end, end)
            pieces = [_ranges(level, start, head_end), _ranges(level, tail_start, end)]
            found = self._reduce(np.concatenate([found[:, None], *pieces], axis=1))
            if not has_blocks.any():
                break
            start = np.where(has_blocks, inner_start // FACTOR, 0)
            end = np.where(has_blocks, inner_end // FACTOR, 0)
        return found


def _ranges(level: Floats, start: Indices, end: Indices) -> Floats:
    """The values of short ranges, one a row, filled up with NaN."""
    longest = int(np.max(end - start, initial=0))
    at = start[:, None] + np.arange(longest)
    inside = at < end[:, None]
    return np.where(inside, level[np.where(inside, at, 0)] if len(level) else np.nan, np.nan)
