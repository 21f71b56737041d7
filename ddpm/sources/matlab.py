"""Arrays of numbers in MATLAB's files of level 5, compressed or not; no more of that format is read.

After "MAT-File Format" (The MathWorks): elements of a kind, a length and content. An array is an element of
elements: flags, sizes, name, numbers column by column.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ddpm.errors import DataError

_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_ARRAY, _COMPRESSED = 14, 15
_HEADER = 128
# Enough for flags, sizes and name, and for the head of the numbers after them.
_HEAD = 512
# Deflate cannot shrink anything by more than this, so a head that promises more is lying.
_BEST_COMPRESSION = 1032


@dataclass(frozen=True)
class MatArray:
    """An array in a file: its name and shape are known, and its numbers are read when asked for."""

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: str
    place: int
    stored: int
    is_compressed: bool
    numbers_at: int

    @property
    def size(self) -> int:
        """How many numbers."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the numbers."""
        return self.size * np.dtype(self.dtype).itemsize

    def read(self) -> NDArray[np.generic]:
        """The numbers. Raises DataError where there are fewer than promised."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.place)
                content = file.read(self.stored)
            if self.is_compressed:
                content = zlib.decompressobj().decompress(content, self.numbers_at + self.nbytes)
            numbers = np.frombuffer(content, self.dtype, self.size, self.numbers_at)
            return numbers.reshape(self.shape, order="F")
        except (OSError, ValueError, zlib.error) as error:
            raise _damaged(self.path, error) from None


def mat_arrays(path: Path) -> dict[str, MatArray]:
    """The arrays of numbers in a file, by name. Raises DataError where it is no such file, or damaged."""
    try:
        return {array.name: array for array in _arrays(path)}
    except (OSError, ValueError, LookupError, struct.error, zlib.error) as error:
        raise _damaged(path, error) from None


def _arrays(path: Path) -> Iterator[MatArray]:
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(_HEADER)
        order = {b"IM": "<", b"MI": ">"}.get(header[126:128])
        if order is None:
            raise ValueError("it is not a MATLAB file of level 5")
        while tag := file.read(8):
            kind, length = struct.unpack(f"{order}II", tag)
            place = file.tell()
            if place + length > size:
                raise ValueError("it is cut off")
            if kind == _COMPRESSED:
                head = zlib.decompressobj().decompress(file.read(min(length, 8 * _HEAD)), _HEAD)
                yield _array(path, order, head, place, length, is_compressed=True)
            elif kind == _ARRAY:
                head = tag + file.read(min(length, _HEAD))
                yield _array(path, order, head, place - 8, length + 8, is_compressed=False)
            file.seek(place + length)


def _array(path: Path, order: str, head: bytes, place: int, stored: int, *, is_compressed: bool) -> MatArray:
    """Read what comes before the numbers."""
    *_, after = _element(order, head, 8)
    sizes_at, sizes_length, _, after = _element(order, head, after)
    name_at, name_length, _, after = _element(order, head, after)
    numbers_at, length, kind, _ = _element(order, head, after)
    array = MatArray(
        path=path,
        name=head[name_at : name_at + name_length].decode("ascii"),
        shape=struct.unpack_from(f"{order}{sizes_length // 4}i", head, sizes_at),
        dtype=order + _TYPES[kind],
        place=place,
        stored=stored,
        is_compressed=is_compressed,
        numbers_at=numbers_at,
    )
    if min(array.shape) < 0 or array.nbytes != length or length > stored * _BEST_COMPRESSION:
        raise ValueError(f"the array {array.name} promises {array.shape}, and {length} bytes")
    return array


def _element(order: str, content: bytes, at: int) -> tuple[int, int, int, int]:
    """Where the content of the element at a place begins, its length and kind, and where the next one is."""
    kind, length = struct.unpack_from(f"{order}II", content, at)
    if kind >> 16:  # a short element: kind and length share a word, and the content is in the other one
        return at + 4, kind >> 16, kind & 0xFFFF, at + 8
    return at + 8, length, kind, at + 8 + (length + 7) // 8 * 8


def _damaged(path: Path, error: Exception) -> DataError:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return DataError(f"Cannot read {path}: {reason}. If it is damaged, delete it and get it again.")
