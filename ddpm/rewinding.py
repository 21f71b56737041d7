"""The rows of metrics of a run that goes back to an earlier step, of which there may be millions."""

import re
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from ddpm.files import SMALL, open_regular, parse_json_line, replace_file, replacing

# How rows begin that a trainer wrote: their step is known without all the rest.
_ROW = re.compile(rb'\{"step": (\d{1,18}), "')
_BLOCK = 1 << 20


def forget_rows_after(path: Path, step: int) -> None:
    """Take the rows after ``step`` out of a file of metrics, and what is no row; an empty file is made where none is.

    A file that has none of them stays as it is, and of any other what comes before the first of them is copied as
    it is: so it takes a second for a million rows, and no memory. Raises OSError.
    """
    try:
        file = open_regular(path)
    except FileNotFoundError:
        replace_file(path, b"")
        return
    with file:
        kept = _length_kept(file, step)
        if kept is None:
            return
        with replacing(path) as new:
            file.seek(0)
            _copy(file, new, kept)
            for line in _lines(file):
                if _stays(line, step):
                    new.write(line.rstrip(b"\n") + b"\n")


def _length_kept(file: BufferedReader, step: int) -> int | None:
    """How many bytes lie before the first line that goes; None where all stay."""
    length = 0
    for line in _lines(file):
        if not _stays(line, step):
            return length
        length += len(line)
    return None


def _lines(file: BufferedReader) -> Iterator[bytes]:
    return iter(lambda: file.readline(SMALL), b"")


def _stays(line: bytes, step: int) -> bool:
    if own := _ROW.match(line):
        return int(own[1]) <= step
    row = parse_json_line(line)
    at = None if row is None else row.get("step", 0)
    return isinstance(at, int | float) and at <= step


def _copy(file: BinaryIO, new: BinaryIO, length: int) -> None:
    while length > 0 and (block := file.read(min(length, _BLOCK))):
        new.write(block)
        length -= len(block)
