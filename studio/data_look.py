"""Looks at a data set in a thread of its own, and no longer than is worth waiting for: some images, its classes."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ddpm.config import DataConfig
from ddpm.datasets import DATASETS, DataSummary, StoredImages, open_stored, summarize
from ddpm.errors import DataError
from ddpm.sources.stored import summary_of, worker_count

MOST_FILES = 20_000
MOST_SECONDS = 3.0
# Numbers of all images that are shown together, and how many of them at most.
MOST_NUMBERS, MOST_SHOWN = 2**22, 60


@dataclass(frozen=True)
class TooLarge:
    """A folder that was not looked through: training reads all of it, a form need not."""

    words: str


@dataclass(frozen=True, eq=False)
class Glimpse:
    """A data set as it lies on this disk: images from all over it, uint8 [N, C, H, W], and the size of each class."""

    summary: DataSummary
    images: NDArray[np.uint8]
    class_counts: tuple[int, ...]


Found = Glimpse | DataError | TooLarge


class DataLook:
    """Summarizes the data set asked for last; an earlier one is given up. Take the answer on a timer.

    The thread is a daemon, as a folder on a slow disk or the whole of one must not hold up leaving the app.
    """

    def __init__(self, data_root: Path, *, most_files: int = MOST_FILES) -> None:
        self._data_root = data_root
        self._most_files = most_files
        self._guard = threading.Lock()
        self._asked = 0
        self._found: Found | None = None

    def ask(self, config: DataConfig) -> None:
        """Begin to look, in place of what was asked for before."""
        number = self.forget()
        threading.Thread(target=self._look, args=(config, number), name="data look", daemon=True).start()

    def forget(self) -> int:
        """Give up what was asked for; returns the number of the next question."""
        with self._guard:
            self._asked += 1
            self._found = None
            return self._asked

    def take(self) -> Found | None:
        """What was found, once; None while there is nothing new."""
        with self._guard:
            found, self._found = self._found, None
            return found

    def _look(self, config: DataConfig, number: int) -> None:
        found = look_at(config, self._data_root, lambda: number != self._asked, self._most_files)
        with self._guard:
            if number == self._asked:
                self._found = found


def look_at(config: DataConfig, data_root: Path, given_up: Callable[[], bool], most_files: int) -> Found:
    """Some of a data set, what is wrong with it, or that there is too much of it.

    ``given_up`` is asked between files; once it says so, the answer means nothing.
    """
    try:
        if config.source not in DATASETS:
            too_large = _too_large(Path(config.source).expanduser(), given_up, most_files)
            if too_large or given_up():
                return TooLarge(too_large)
        return _glimpse(open_stored(config, data_root), config)
    except DataError as error:
        return error
    except Exception as error:  # a disk can fail in any way; the form goes on
        return DataError(f"{config.source} cannot be looked at: {type(error).__name__}: {error}.")


def _glimpse(stored: StoredImages, config: DataConfig) -> Glimpse:
    """Raises DataError where none of the images that would be shown can be read."""
    height, width = stored.image_size
    most = min(MOST_SHOWN, stored.n, max(1, MOST_NUMBERS // (stored.channels * height * width)))
    # One from the middle of each of as many parts, as classes often lie one behind the other.
    positions = ((np.arange(most) + 0.5) * stored.n / most).astype(np.int64)
    images = (
        stored.take(positions).load(worker_count(config.workers), lambda _what, _done, _total: None).images
    )
    counts: tuple[int, ...] = ()
    if stored.labels is not None and stored.class_names:
        counts = tuple(np.bincount(stored.labels, minlength=len(stored.class_names)).tolist())
    return Glimpse(summary_of(stored), images, counts)


def sets_here(data_root: Path) -> set[str]:
    """The names of the data sets that are on this disk."""
    return {name for name in DATASETS if _is_here(name, data_root)}


def _is_here(name: str, data_root: Path) -> bool:
    try:
        summarize(DataConfig(source=name), data_root)
    except (DataError, OSError):
        return False
    return True


def _too_large(folder: Path, given_up: Callable[[], bool], most_files: int) -> str:
    """Why the folder is not looked through; empty where it is small enough or no folder."""
    deadline = time.monotonic() + MOST_SECONDS
    n = 0
    seen: set[tuple[int, int]] = set()
    for path, folders, files in os.walk(folder, followlinks=True):
        # As a data set is read: a folder once, whatever links lead to it, and nothing hidden.
        status = Path(path).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = [name for name in folders if not name.startswith(".")]
        n += len(files)
        if given_up():
            return ""
        if n > most_files:
            return f"more than {most_files:,} files: counted when training starts"
        if time.monotonic() > deadline:
            return f"more than can be counted in {MOST_SECONDS:g} seconds: counted when training starts"
    return ""
