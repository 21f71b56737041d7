"""Data sets where they lie: all is known of them but the pixels, and these are read when asked for."""

import os
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, Self, TypeVar

import numpy as np
import psutil
from numpy.typing import NDArray

from ddpm.progress import Progress
from ddpm.sources.imageset import DataSummary, ImageSet

_MOST_WORKERS = 8
_AHEAD = 16
# What is left is for the weights, for the rest of the machine, and for the copy that a split makes.
_SHARE_OF_MEMORY = 0.4

Result = TypeVar("Result")


class StoredImages(Protocol):
    """A data set at the recipe's size and channels that need not be in memory.

    ``labels`` are int64 [N], or None where there are no classes; ``skipped`` names what is no image.
    ``remarks`` are sentences about what its owner may not have meant.
    """

    @property
    def name(self) -> str: ...
    @property
    def n(self) -> int: ...
    @property
    def image_size(self) -> tuple[int, int]: ...
    @property
    def channels(self) -> int: ...
    @property
    def labels(self) -> NDArray[np.int64] | None: ...
    @property
    def class_names(self) -> tuple[str, ...]: ...
    @property
    def skipped(self) -> tuple[str, ...]: ...
    @property
    def remarks(self) -> tuple[str, ...]: ...

    def read(self, position: int) -> NDArray[np.uint8]:
        """One image, uint8 [C, H, W]; may be called by several threads. Raises DataError where it is broken."""

    def take(self, positions: NDArray[np.int64]) -> Self:
        """These images only, in this order."""

    def load(self, workers: int, progress: Progress) -> ImageSet:
        """All of them in memory, without the broken ones. Raises DataError where none can be read."""

    def checked(self, workers: int, progress: Progress) -> Self:
        """Without the broken ones, as ``load`` leaves them out."""


def summary_of(stored: StoredImages) -> DataSummary:
    """What is known of a data set before it has been read."""
    return DataSummary(
        stored.name,
        stored.n,
        stored.image_size,
        stored.channels,
        stored.class_names,
        stored.skipped,
        stored.remarks,
    )


def bytes_of(stored: StoredImages) -> int:
    """Bytes that the images take as uint8."""
    return stored.n * stored.channels * stored.image_size[0] * stored.image_size[1]


def fits_into(free_bytes: int, stored: StoredImages) -> bool:
    """Whether the images may lie in a memory with so much room."""
    return bytes_of(stored) <= _SHARE_OF_MEMORY * free_bytes


def fits_into_memory(stored: StoredImages) -> bool:
    """Whether the images may lie in this machine's memory."""
    return fits_into(psutil.virtual_memory().available, stored)


def worker_count(workers: int | None) -> int:
    """So many threads, or what suits this machine. Decoders work outside the interpreter's lock."""
    return workers or min(_MOST_WORKERS, os.cpu_count() or 1)


def in_order(work: Callable[[int], Result], n: int, workers: int) -> Generator[Result]:
    """work(0) ... work(n - 1), done by threads that run some way ahead of who takes the results.

    Closing it does not wait for what has not begun.
    """
    executor = ThreadPoolExecutor(workers)
    waiting: deque[Future[Result]] = deque()
    try:
        for number in range(n):
            waiting.append(executor.submit(work, number))
            if len(waiting) > workers * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)
