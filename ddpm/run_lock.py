"""The lock of a run: held by the one process that trains it, and gone with that process, however it ends."""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import pydantic.dataclasses
from pydantic import AfterValidator

from ddpm.errors import RunError
from ddpm.files import identity, json_bytes, read_small
from ddpm.printable import printable

_Words = Annotated[str, AfterValidator(printable)]


# Checked when read: it may be damaged, or written by someone else.
@pydantic.dataclasses.dataclass(frozen=True, config=pydantic.ConfigDict(extra="ignore", allow_inf_nan=False))
class Holder:
    """Who holds a lock: the process, its machine, and since when, in seconds since 1970; 0 and "" where unknown."""

    pid: int = 0
    host: _Words = ""
    since: float = 0.0

    def __str__(self) -> str:
        words = f"process {self.pid}" if self.pid else "another process"
        words += f" on {self.host}" if self.host else ""
        with suppress(ValueError, OverflowError, OSError):
            if self.since:
                words += time.strftime(", since %Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return words


_HOLDER = pydantic.TypeAdapter(Holder)


def is_held(path: Path) -> bool:
    """Whether some process, this one included, holds the lock at ``path``."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def held(path: Path, advice: str = "Watch it in the app, or stop it there first.") -> Iterator[None]:
    """Hold the lock of the run at ``path``, and write into it who does.

    Raises RunError that says who holds it already, with ``advice``, or that it cannot be written.
    """
    run = path.parent
    try:
        file = path.open("ab+")
    except FileNotFoundError:
        raise gone(run) from None
    except OSError as error:
        raise RunError(f"Cannot write to the run {run}: {error.strerror}.") from None
    with file:
        if not _lock_soon(file.fileno()):
            raise RunError(f"The run {run.name} is being trained already, by {_holder(path)}. {advice}")
        status = os.fstat(file.fileno())
        if identity(path) != (status.st_dev, status.st_ino):
            # Whoever had it let it go with the directory; what is held now is the lock of nothing.
            raise gone(run)
        with suppress(OSError):  # it is held all the same; only that nobody can read by whom
            file.truncate(0)
            file.write(json_bytes({"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}))
            file.flush()
        yield


def gone(run: Path) -> RunError:
    """What to say of a run directory that is no longer where it was."""
    return RunError(f"The run {run} was deleted or renamed. If it has another name now, use that.")


def _holder(path: Path) -> Holder:
    try:
        return _HOLDER.validate_json(read_small(path))
    except (OSError, ValueError):
        return Holder()


def _lock_soon(descriptor: int) -> bool:
    """Take the lock, trying for a moment: a reader that asks is_held has it for some microseconds."""
    for _ in range(20):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            time.sleep(0.01)
    return False
