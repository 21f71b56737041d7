"""Files that are whole or not there: write beside, flush to the disk, rename into place."""

import errno
import hashlib
import json
import os
import shutil
import stat
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import Any, NoReturn

from ddpm.progress import Told, untold

# Far more than any of our own small files (recipes, manifests, states) or rows has, in bytes.
SMALL = 1 << 20
# As much as is read or written before it is told, in bytes.
PART = 1 << 22


def sync_directory(path: Path) -> None:
    """Flush a directory's entries, so that a rename in it survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, parts: Iterable[bytes | memoryview]) -> dict[str, Any]:
    """Write a new file part by part and flush it; returns its ``size`` and ``sha256``.

    It is not atomic: for files inside a directory that is renamed later.
    """
    size, digest = 0, hashlib.sha256()
    with path.open("wb", buffering=SMALL) as file:
        for part in parts:
            file.write(part)
            digest.update(part)
            size += len(part)
        file.flush()
        os.fsync(file.fileno())
    return {"size": size, "sha256": digest.hexdigest()}


def in_parts(content: bytes, told: Told) -> Iterator[memoryview]:
    """Content to write part by part; ``told`` hears of the bytes that were taken."""
    view = memoryview(content)
    for begin in range(0, len(view), PART):
        yield view[begin : begin + PART]
        told(min(begin + PART, len(view)), len(view))


def told_parts(parts: Iterable[bytes | memoryview], told: Told) -> Iterator[bytes | memoryview]:
    """The parts of a file to write; ``told`` hears of the bytes that were taken, as many as are known of."""
    done = 0
    for part in parts:
        yield part
        done += len(part)
        told(done, done)


def replace_file(path: Path, content: bytes, *, durable: bool = True, told: Told = untold) -> None:
    """Put ``content`` at ``path`` in one step: a reader sees the old file or the new one, never a part.

    ``durable`` flushes to the disk as well, and ``told`` hears of the bytes; a heartbeat that is rewritten every
    second goes without.
    Raises OSError and leaves no temporary file behind.
    """
    with replacing(path, durable=durable) as file:
        for part in in_parts(content, told):
            file.write(part)


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[BufferedWriter]:
    """A file to write to, which takes the place of ``path`` when the block ends; as ``replace_file`` else."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        sync_directory(path.parent)


def identity(path: Path) -> tuple[int, int] | None:
    """What tells the file or folder at ``path`` from every other one while it exists; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def remove_folder(folder: Path, told: Told = untold) -> None:
    """Delete a folder and all in it, as far as that can be done; ``told`` hears of the files."""
    files = [Path(path) / name for path, _, names in os.walk(folder) for name in names]
    for done, file in enumerate(files):
        told(done, len(files))
        with suppress(OSError):
            file.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def json_bytes(value: Any) -> bytes:
    """JSON for a file that people may open. Raises ValueError for NaN and infinity, which JSON lacks."""
    return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()


def open_regular(path: Path) -> BufferedReader:
    """Open a file of a run for reading: a plain file, no link, which may lead anywhere, and no pipe, which may wait.

    Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no plain file", str(path))
    return os.fdopen(descriptor, "rb")


def sha256_of(path: Path, told: Told = untold) -> str:
    """The SHA-256 of a file of a run; ``told`` hears of the bytes. Raises OSError."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        done, total = 0, os.fstat(file.fileno()).st_size
        while part := file.read(PART):
            digest.update(part)
            done += len(part)
            told(done, total)
    return digest.hexdigest()


def read_small(path: Path) -> bytes:
    """The content of a file of a run that is never large. Raises OSError, also where it is larger than a megabyte."""
    with open_regular(path) as file:
        # Room for what there is: that for all there could be would be taken anew at each of a monitor's looks.
        content = file.read(min(os.fstat(file.fileno()).st_size, SMALL) + 1)
    if len(content) > SMALL:
        raise OSError(errno.EFBIG, f"it has more than {SMALL:,} bytes", str(path))
    return content


def parse_json(content: bytes) -> Any:
    """JSON that anybody may have written, numbers finite. Raises ValueError, whatever is wrong with it."""
    try:
        return json.loads(content, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def append_json_line(path: Path, row: dict[str, Any]) -> None:
    """Append one row to a .jsonl file with a single write. A torn line before it is closed off first."""
    line = json.dumps(row).encode() + b"\n"
    with path.open("ab+") as file:
        if file.tell() > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = b"\n" + line
        file.write(line)


def parse_json_lines(content: bytes) -> Iterator[dict[str, Any]]:
    """The rows of a .jsonl file; lines that do not parse (a torn last one) are passed over."""
    for line in content.splitlines():
        row = parse_json_line(line)
        if row is not None:
            yield row


def read_json_lines(path: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """The rows of a .jsonl file, each with its line. What is no row, or longer than a megabyte, is passed over.

    Raises OSError.
    """
    with open_regular(path) as file:
        while line := file.readline(SMALL):
            row = parse_json_line(line)
            if row is not None:
                yield line, row


def parse_json_line(line: bytes) -> dict[str, Any] | None:
    """The row of a line of a .jsonl file; None where it is none."""
    try:
        # Rows may hold NaN: a metric that is none. So not as strict as parse_json.
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:20]} is too large")
    return number
