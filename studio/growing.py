"""A one-dimensional array that grows at its end."""

import mmap
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Floats = NDArray[np.float64]

# Bytes of the smallest room; of those that hold nothing yet none are in memory.
FIRST_ROOM = 1 << 17


class Growing:
    """Numbers, float64 unless told otherwise; appending is amortised O(1) a value, reading copies nothing."""

    def __init__(self, dtype: DTypeLike = np.float64) -> None:
        self._room: NDArray[Any] = np.empty(0, dtype)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def values(self) -> Floats:
        """All values, a view: do not write into it, and do not keep it across an ``extend``."""
        return self._room[: self._length]

    def extend(self, values: ArrayLike) -> None:
        """Append a sequence of numbers."""
        new = np.asarray(values, dtype=self._room.dtype)
        end = self._length + len(new)
        if end > len(self._room):
            larger = _room(max(end, 2 * len(self._room)), self._room.dtype)
            larger[: self._length] = self.values
            self._room = larger
        self._room[self._length : end] = new
        self._length = end

    def clear(self) -> None:
        self._length = 0


def _room(n: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Room for ``n`` numbers or more, in pages of its own.

    Outgrown, they go back to the machine; malloc would keep the place of every smaller array that has been.
    """
    pages = mmap.mmap(-1, max(FIRST_ROOM, n * dtype.itemsize), flags=mmap.MAP_PRIVATE)
    return np.frombuffer(pages, dtype)
