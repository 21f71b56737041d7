"""The IDX files of MNIST and its relatives, plain or gzipped: a header of sizes, then unsigned bytes."""

import gzip
import io
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ddpm.errors import DataError

_UNSIGNED_BYTES = 8
_CHUNK = 1 << 20
# Deflate cannot shrink anything by more than this, so a header that promises more is lying.
_BEST_COMPRESSION = 1032

_File = gzip.GzipFile | io.BufferedReader


@dataclass(frozen=True)
class _Header:
    shape: tuple[int, ...]
    length: int

    @property
    def promised(self) -> int:
        """Bytes that must follow the header."""
        return math.prod(self.shape)


def idx_shape(path: Path, axes: int) -> tuple[int, ...]:
    """The shape that the header of an IDX file promises; its content is not read.

    Raises DataError where the file cannot be read, is no IDX file of unsigned bytes with so many axes, or
    is too short for what the header promises.
    """
    try:
        with _opened(path) as file:
            return _header(file, path, axes).shape
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error) from None


def read_idx(path: Path, axes: int) -> NDArray[np.uint8]:
    """The content of an IDX file. Raises DataError as ``idx_shape`` does, and where the length is wrong."""
    try:
        with _opened(path) as file:
            header = _header(file, path, axes)
            content = _content(file, header.promised + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error) from None
    if len(content) != header.promised:
        raise _wrong_length(path, header, "fewer" if len(content) < header.promised else "more")
    return np.frombuffer(content, np.uint8).reshape(header.shape)


def _opened(path: Path) -> _File:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _header(file: _File, path: Path, axes: int) -> _Header:
    length = 4 + 4 * axes
    start = file.read(length)
    if start[:4] != bytes([0, 0, _UNSIGNED_BYTES, axes]) or len(start) < length:
        raise DataError(
            f"{path} is not an IDX file of unsigned bytes with {axes} axes: it starts with "
            f"{start[:4].hex(' ') or 'nothing'}. Delete it and get it again."
        )
    header = _Header(struct.unpack(f">{axes}I", start[4:]), length)
    size = path.stat().st_size
    if path.suffix == ".gz":
        if header.length + header.promised > size * _BEST_COMPRESSION:
            raise _wrong_length(path, header, "fewer")
    elif header.length + header.promised != size:
        raise _wrong_length(path, header, "fewer" if size < header.length + header.promised else "more")
    return header


def _content(file: _File, at_most: int) -> bytearray:
    """What is there, up to a limit. Grows with what arrives, not with what was promised."""
    content = bytearray()
    while len(content) < at_most and (chunk := file.read(min(_CHUNK, at_most - len(content)))):
        content += chunk
    return content


def _wrong_length(path: Path, header: _Header, found: str) -> DataError:
    shape = "x".join(str(size) for size in header.shape)
    return DataError(
        f"{path} is damaged: its header promises {shape} bytes and {found} follow. "
        f"Delete it and get it again."
    )


def _unreadable(path: Path, error: Exception) -> DataError:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return DataError(f"Cannot read {path}: {reason}. If it is damaged, delete it and get it again.")
