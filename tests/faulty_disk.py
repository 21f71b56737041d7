"""A disk that fails once, at an operation of one's choice: everything before and after it is the real thing."""

import errno
import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FAULTS = {"full": errno.ENOSPC, "broken": errno.EIO, "forbidden": errno.EACCES, "short write": errno.ENOSPC}


class FaultyDisk:
    """Counts the operations that change files, and fails one of them. ``failing`` 0 fails none.

    "short write": half of what is to be written arrives, and then the disk is full.
    """

    def __init__(self, fault: str, failing: int) -> None:
        self.fault, self.failing = fault, failing
        self.operations: list[str] = []
        self._counting = threading.Lock()

    def operation(self, name: str) -> None:
        """One more operation; raises OSError where it is the one to fail."""
        with self._counting:  # a run is written by two threads
            self.operations.append(name)
            is_it = len(self.operations) == self.failing
        if is_it:
            self.fail()

    def fail(self) -> None:
        number = FAULTS[self.fault]
        raise OSError(number, os.strerror(number))

    @property
    def failed(self) -> str:
        """The operation that failed, if any did."""
        return self.operations[self.failing - 1] if 0 < self.failing <= len(self.operations) else ""


class _File(io.FileIO):
    """A file on that disk. Python's own buffers lie over it, so a short write is met as the kernel's is."""

    disk: FaultyDisk
    full = False

    def write(self, content: Any) -> int:
        if self.full:
            self.disk.fail()
        if self.disk.fault == "short write" and len(self.disk.operations) + 1 == self.disk.failing:
            self.disk.operations.append("write")
            self.full = True
            return super().write(bytes(content)[: len(content) // 2])
        self.disk.operation("write")
        return super().write(content)


@contextmanager
def faulty_disk(fault: str = "full", failing: int = 0) -> Iterator[FaultyDisk]:
    """While it lasts, the process works on a disk whose operation number ``failing`` fails."""
    disk = FaultyDisk(fault, failing)
    real_open = io.open

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            disk.operation(name)
            return function(*arguments, **options)

        return call

    def opened(path: Any, mode: str = "r", buffering: int = -1, *arguments: Any, **options: Any) -> Any:
        if not set(mode) & set("wax"):
            return real_open(path, mode, buffering, *arguments, **options)
        disk.operation("open")
        file = _File(path, mode.replace("b", ""))
        file.disk = disk
        size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
        return io.BufferedRandom(file, size) if "+" in mode else io.BufferedWriter(file, size)

    def opened_folder(path: Any, *arguments: Any, **options: Any) -> int:
        # A folder is opened to flush it; whatever else comes this way is read, which changes nothing.
        if Path(path).is_dir():
            disk.operation("open")
        return real["open"](path, *arguments, **options)

    names = ("mkdir", "rename", "replace", "fsync", "open")
    real = {name: getattr(os, name) for name in names}
    try:
        for name in names:
            setattr(os, name, opened_folder if name == "open" else counted(name, real[name]))
        io.open = opened
        yield disk
    finally:
        io.open = real_open
        for name in names:
            setattr(os, name, real[name])
