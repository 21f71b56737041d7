"""Pictures that have been decoded once, kept on the disk, so that the next start reads them as they are.

Where there is no room, or the disk refuses, nothing is kept and pictures are decoded each time: it is a matter of
speed alone.
"""

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ddpm.files import replace_file

ENDING = ".images"
MOST_BYTES = 20 << 30
NOWHERE = Path(os.devnull)
"""In place of a folder: nothing can be kept there."""
_SHARE_OF_DISK = 0.25

Keep = Callable[[NDArray[np.uint8]], None]
"""Called with one image [C, H, W] after the other, in the order of the set."""


def decoded_below(data_root: Path) -> Path:
    """The folder with what was found out about pictures: their images, and which files are broken."""
    return data_root / "decoded"


@dataclass(frozen=True)
class KeptImages:
    """The file with the images of one set, uint8 [N, C, H, W] and nothing else. ``shape`` is [N, C, H, W]."""

    path: Path
    shape: tuple[int, int, int, int]

    @property
    def reasons(self) -> Path:
        """The file beside it that says which pictures are broken."""
        return self.path.with_suffix(".json")

    @property
    def bytes(self) -> int:
        """Bytes of all images."""
        return int(np.prod(self.shape, dtype=np.int64))

    def recall(self) -> NDArray[np.uint8] | None:
        """The images, which come from the disk as they are looked at; None where they are not kept whole."""
        try:
            if self.path.stat().st_size != self.bytes:
                return None
            os.utime(self.path)  # the one used longest ago makes room for others
            return np.asarray(np.memmap(self.path, np.uint8, "r", shape=self.shape))
        except (OSError, ValueError):
            return None

    def has_room(self) -> bool:
        """Whether they may be kept: within ``MOST_BYTES``, and within a quarter of what the disk has left."""
        place = next(folder for folder in self.path.parents if folder.is_dir())
        try:
            free = shutil.disk_usage(place).free
        except OSError:
            return False
        return self.bytes <= min(MOST_BYTES, _SHARE_OF_DISK * free)

    @contextmanager
    def keeping(self) -> Iterator[Keep]:
        """Gives a function that takes the images in turn; the file is there at the end, whole or not at all.

        Errors of the disk end the keeping and nothing else.
        """
        file = self._begin() if self.has_room() else None

        def keep(image: NDArray[np.uint8]) -> None:
            nonlocal file
            if file is not None:
                try:
                    file.write(np.ascontiguousarray(image).data)
                except OSError:
                    _give_up(file)
                    file = None

        try:
            yield keep
        except BaseException:
            if file is not None:
                _give_up(file)
            raise
        if file is not None:
            self._finish(file)

    def _begin(self) -> BufferedWriter | None:
        """A file beside ours to write to, after older ones have made room; None where the disk refuses."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _make_room(self.path.parent, self.bytes)
            return self.path.with_name(f".{self.path.name}.{uuid.uuid4().hex}.tmp").open("wb")
        except OSError:
            return None

    def _finish(self, file: BufferedWriter) -> None:
        try:
            file.flush()
            os.fsync(file.fileno())  # otherwise a power cut may leave a file of the right size full of zeros
            file.close()
            Path(file.name).replace(self.path)
        except OSError:
            _give_up(file)


def recall_reasons(path: Path, n: int) -> list[str | None] | None:
    """What ``remember_reasons`` wrote for n pictures; None where it did not, or where the file is not sound."""
    try:
        broken = json.loads(path.read_text(encoding="utf-8"))["broken"]
        reasons: list[str | None] = [None] * n
        for position, reason in broken.items():
            reasons[int(position)] = str(reason)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return reasons


def remember_reasons(path: Path, reasons: Sequence[str | None]) -> None:
    """Write down why each picture cannot be read; None stands for one that can."""
    broken = {str(position): reason for position, reason in enumerate(reasons) if reason}
    with suppress(OSError):  # then it is found out anew the next time
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, json.dumps({"broken": broken}).encode(), durable=False)


def kept_bytes(folder: Path) -> int:
    """Bytes of all images kept in a folder."""
    return sum(size for _, size, _ in _kept(folder))


def forget(folder: Path) -> int:
    """Delete all that is kept in a folder and return how many bytes of images that frees. Raises OSError."""
    freed = kept_bytes(folder)
    if folder.is_dir():
        shutil.rmtree(folder)
    return freed


def _make_room(folder: Path, needed: int) -> None:
    """Delete what was used longest ago until so many bytes more stay within ``MOST_BYTES``. Raises OSError."""
    kept = _kept(folder)
    total = sum(size for _, size, _ in kept)
    for _, size, path in kept:
        if total + needed <= MOST_BYTES:
            break
        path.unlink(missing_ok=True)
        total -= size


def _kept(folder: Path) -> list[tuple[float, int, Path]]:
    """Last use, bytes and place of every file of images, of those half written too: the oldest first."""
    found = []
    for path in folder.glob(f"*{ENDING}*"):
        with suppress(OSError):
            status = path.stat()
            found.append((status.st_mtime, status.st_size, path))
    return sorted(found)


def _give_up(file: BufferedWriter) -> None:
    with suppress(OSError):  # what had not been written yet is not wanted either
        file.close()
    Path(file.name).unlink(missing_ok=True)
