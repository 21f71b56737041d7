"""A folder of images: nested or flat, of mixed sizes, modes and formats, with some broken files in it."""

import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ddpm.errors import DataError
from ddpm.imageset import DataSummary, ImageSet, Progress, empty_images
from ddpm.pixels import is_grey, to_array

ENDINGS = (
    ".png .jpg .jpeg .jfif .webp .gif .bmp .dib .tif .tiff .ppm .pgm .pbm .pnm .jp2 .avif".split()  # noqa: SIM905
)
# Only these decoders are used, whatever a file calls itself: others start programs or fetch files.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "JPEG2000", "AVIF")
_WORKERS = 4
_DRAFT_FACTOR = 2


@dataclass(frozen=True)
class _Listing:
    """The image files below a folder in the order of their names, and folders that could not be opened."""

    root: Path
    paths: tuple[Path, ...]
    skipped: tuple[str, ...]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The first-level subfolders, if every image lies in one."""
        if any(len(path.parts) == 1 for path in self.paths):
            return ()
        return tuple(sorted({path.parts[0] for path in self.paths}))

    def labels(self) -> NDArray[np.int64] | None:
        """The position of each file's class among the class names; None if there are no classes."""
        numbers = {name: number for number, name in enumerate(self.class_names)}
        return np.array([numbers[path.parts[0]] for path in self.paths], np.int64) if numbers else None


def summarize_folder(root: Path, image_size: tuple[int, int], channels: int | None) -> DataSummary:
    """What lies in a folder, without decoding it. Raises DataError as ``read_folder`` does.

    Where ``channels`` is unset they are 1 if every readable image is grey (see ``is_grey``) and 3 otherwise.
    That looks at headers only, and no further than the first image in colour.
    """
    listing = _list_images(root)
    channels = channels or _own_channels(listing)
    return DataSummary(
        root.name, len(listing.paths), image_size, channels, listing.class_names, listing.skipped
    )


def read_folder(
    root: Path, image_size: tuple[int, int], channels: int | None, progress: Progress
) -> ImageSet:
    """Every readable image of a folder at one size. The channels are chosen as in ``summarize_folder``.

    Hidden files and folders are passed over; of an animation the first picture is taken. Raises DataError
    where the folder is missing, empty, holds no images, or none that can be read.
    """
    listing = _list_images(root)
    channels = channels or _own_channels(listing)
    n = len(listing.paths)
    images = empty_images(n, channels, image_size, str(root))
    reasons: list[str | None] = []
    with _decoders() as formats, _workers() as workers:
        jobs = [
            workers.submit(_read, root / path, formats, image)
            for path, image in zip(listing.paths, images, strict=True)
        ]
        for done, job in enumerate(jobs, start=1):
            reasons.append(job.result())
            progress("reading images", done, n)
    broken = [f"{path}: {reason}" for path, reason in zip(listing.paths, reasons, strict=True) if reason]
    if len(broken) == n:
        raise _none_readable(listing, broken[0])
    labels = listing.labels()
    if broken:
        whole = np.array([reason is None for reason in reasons])
        images = images[whole]
        labels = labels[whole] if labels is not None else None
    return ImageSet(root.name, images, labels, listing.class_names, (*listing.skipped, *broken))


def _list_images(root: Path) -> _Listing:
    paths: list[Path] = []
    skipped: list[str] = []
    try:
        with os.scandir(root) as entries:
            holds_anything = any(entries)
    except OSError as error:
        raise DataError(f"Cannot read the folder {root}: {error.strerror}.") from None
    _walk(root, Path(), set(), paths, skipped)
    if not holds_anything:
        raise DataError(f"The folder {root} is empty. Put images into it, or name another folder.")
    if not paths:
        raise DataError(
            f"There are no images in the folder {root} or below it. "
            f"Files that end in {' '.join(ENDINGS)} are read."
        )
    return _Listing(root, tuple(sorted(paths, key=lambda path: path.parts)), tuple(sorted(skipped)))


def _walk(
    root: Path, inside: Path, seen: set[tuple[int, int]], paths: list[Path], skipped: list[str]
) -> None:
    try:
        # A folder is visited once, so that links that lead in circles end.
        status = (root / inside).stat()
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(root / inside) as unsorted:
            entries = sorted(unsorted, key=lambda entry: entry.name)
    except OSError as error:
        skipped.append(f"{inside}/: {error.strerror}")
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            _walk(root, inside / entry.name, seen, paths, skipped)
        elif entry.name.lower().endswith(tuple(ENDINGS)) and _may_be_file(entry):
            paths.append(inside / entry.name)


def _may_be_file(entry: os.DirEntry[str]) -> bool:
    """A file or a link that leads nowhere, which is named as broken later; no pipe, which would block."""
    return entry.is_file() or not Path(entry.path).exists()


def _own_channels(listing: _Listing) -> int:
    failure = None
    any_grey = False
    with _decoders() as formats:
        for path in listing.paths:
            try:
                with Image.open(listing.root / path, formats=formats) as image:
                    if not is_grey(image):
                        return 3
                    any_grey = True
            except Exception as error:  # see _read
                failure = failure or f"{path}: {_reason(error)}"
    if not any_grey and failure:
        raise _none_readable(listing, failure)
    return 1


def _read(path: Path, formats: tuple[str, ...], target: NDArray[np.uint8]) -> str | None:
    """Decode a file into ``target`` [C, H, W]; the reason if that cannot be done."""
    channels, height, width = target.shape
    try:
        with Image.open(path, formats=formats) as image:
            # A large JPEG is decoded no finer than needed, for a small share of the work.
            side = _DRAFT_FACTOR * max(height, width)
            image.draft(None, (side, side))
            target[:] = to_array(image, channels, (height, width))
    except Exception as error:  # decoders raise almost anything when a file is broken
        return _reason(error)
    return None


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image in a format that can be read"
    if isinstance(error, Image.DecompressionBombError):
        return "more pixels than any honest image has"
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error).splitlines()[0] if str(error) else type(error).__name__


def _none_readable(listing: _Listing, first: str) -> DataError:
    return DataError(
        f"None of the {len(listing.paths)} image files in {listing.root} can be read; the first is {first}. "
        f"Name a folder with whole images."
    )


@contextmanager
def _decoders() -> Iterator[tuple[str, ...]]:
    """The formats that this Pillow has, without its warnings: what matters of them is said in ``skipped``."""
    Image.init()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield tuple(name for name in _FORMATS if name in Image.OPEN)


@contextmanager
def _workers() -> Iterator[ThreadPoolExecutor]:
    """Threads, as decoders work outside the interpreter's lock. Interrupting does not wait for the rest."""
    executor = ThreadPoolExecutor(_WORKERS)
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)
