"""A one-dimensional array that grows at its end."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class Growing:
    """float64 values; appending is amortised O(1) a value, reading copies nothing."""

    def __init__(self) -> None:
        self._room = np.empty(64)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def values(self) -> Floats:
        """All values, a view: do not write into it, and do not keep it across an ``extend``."""
        return self._room[: self._length]

    def extend(self, values: ArrayLike) -> None:
        """Append a sequence of numbers."""
        new = np.asarray(values, dtype=np.float64)
        end = self._length + len(new)
        if end > len(self._room):
            larger = np.empty(max(end, 2 * len(self._room)))
            larger[: self._length] = self.values
            self._room = larger
        self._room[self._length : end] = new
        self._length = end

    def clear(self) -> None:
        self._length = 0
