"""Files that are whole or not there: write beside, flush to the disk, rename into place."""

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def sync_directory(path: Path) -> None:
    """Flush a directory's entries, so that a rename in it survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, content: bytes) -> None:
    """Write a new file and flush it; not atomic, for files inside a directory that is renamed later."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Put ``content`` at ``path`` in one step: a reader sees the old file or the new one, never a part.

    ``durable`` flushes to the disk as well; a heartbeat that is rewritten every second goes without.
    Raises OSError and leaves no temporary file behind.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        if durable:
            write_durably(temporary, content)
        else:
            temporary.write_bytes(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        sync_directory(path.parent)


def json_bytes(value: Any) -> bytes:
    """JSON for a file that people may open. Raises ValueError for NaN and infinity, which JSON lacks."""
    return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()


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
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            yield row
