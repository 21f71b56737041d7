"""Looks at a data set in a thread of its own, and no longer than is worth waiting for."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ddpm.config import DataConfig
from ddpm.datasets import DATASETS, DataSummary, summarize
from ddpm.errors import DataError

MOST_FILES = 20_000
MOST_SECONDS = 3.0


@dataclass(frozen=True)
class TooLarge:
    """A folder that was not looked through: training reads all of it, a form need not."""

    words: str


Found = DataSummary | DataError | TooLarge


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
    """The summary of a data set, what is wrong with it, or that there is too much of it.

    ``given_up`` is asked between files; once it says so, the answer means nothing.
    """
    try:
        if config.source not in DATASETS:
            too_large = _too_large(Path(config.source).expanduser(), given_up, most_files)
            if too_large or given_up():
                return TooLarge(too_large)
        return summarize(config, data_root)
    except DataError as error:
        return error
    except Exception as error:  # a disk can fail in any way; the form goes on
        return DataError(f"{config.source} cannot be looked at: {type(error).__name__}: {error}.")


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
