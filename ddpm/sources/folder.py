"""A folder of images, nested or flat: which files are in it, and what classes its subfolders make."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ddpm.errors import DataError
from ddpm.sources.decoded import NOWHERE
from ddpm.sources.pictures import Pictures, decoders, own_channels

ENDINGS = (
    ".png .jpg .jpeg .jfif .webp .gif .bmp .dib .tif .tiff .ppm .pgm .pbm .pnm .jp2 .avif".split()  # noqa: SIM905
)
FOLDER_SIZE = (64, 64)
_MOST_NAMED = 3


@dataclass(frozen=True)
class _Listing:
    """The image files below a folder in the order of their names, and folders that could not be opened."""

    root: Path
    paths: tuple[Path, ...]
    skipped: tuple[str, ...]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The first-level subfolders, if every image lies in one."""
        return () if self._in_no_folder else self._folders

    @property
    def remarks(self) -> tuple[str, ...]:
        """That there are no classes, where images beside the folders may be there by mistake."""
        stray, folders = self._in_no_folder, self._folders
        if not (stray and folders):
            return ()
        return (
            f"There are no classes, as {_first_of(stray)} {'lies' if len(stray) == 1 else 'lie'} beside the folders "
            f"{_first_of(folders)}; where every image lies in a folder, the folders are the classes.",
        )

    @property
    def _in_no_folder(self) -> tuple[str, ...]:
        return tuple(path.name for path in self.paths if len(path.parts) == 1)

    @property
    def _folders(self) -> tuple[str, ...]:
        return tuple(sorted({path.parts[0] for path in self.paths if len(path.parts) > 1}))

    def labels(self) -> NDArray[np.int64] | None:
        """The position of each file's class among the class names; None if there are no classes."""
        numbers = {name: number for number, name in enumerate(self.class_names)}
        return np.array([numbers[path.parts[0]] for path in self.paths], np.int64) if numbers else None


def _first_of(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def open_folder(
    root: Path, image_size: tuple[int, int] | None, channels: int | None, keep_in: Path = NOWHERE
) -> Pictures:
    """The images in a folder and below it, in the order of their names; nothing is decoded yet.

    Where ``image_size`` is unset they are 64x64, and where ``channels`` is unset ``own_channels`` finds them. Hidden
    files and folders are passed over; of an animation the first picture is taken. What is found out and decoded is
    kept below ``keep_in``. Raises DataError where the folder is missing, empty, holds no images, or none that can be
    read.
    """
    listing = _list_images(root)
    pictures = picture_files(
        root,
        listing.paths,
        name=root.name,
        image_size=image_size or FOLDER_SIZE,
        channels=channels or 1,
        labels=listing.labels(),
        class_names=listing.class_names,
        skipped=listing.skipped,
        keep_in=keep_in,
    )
    return replace(pictures, channels=channels or own_channels(pictures), remarks=listing.remarks)


def picture_files(
    root: Path,
    paths: Sequence[Path],
    *,
    name: str,
    image_size: tuple[int, int],
    channels: int,
    labels: NDArray[np.int64] | None = None,
    class_names: tuple[str, ...] = (),
    skipped: tuple[str, ...] = (),
    keep_in: Path = NOWHERE,
) -> Pictures:
    """Files below a folder as a data set, in the order given."""
    return Pictures(
        name=name,
        place=str(root),
        open_picture=lambda row: Image.open(root / paths[row], formats=decoders()),
        describe=lambda row: str(paths[row]),
        fingerprint=cache(lambda: _fingerprint(root, paths)),
        rows=np.arange(len(paths)),
        image_size=image_size,
        channels=channels,
        labels=labels,
        class_names=class_names,
        skipped=skipped,
        keep_in=keep_in,
    )


def _fingerprint(root: Path, paths: Sequence[Path]) -> str:
    """Changes when a file comes, goes, or is written: of names, sizes and times, as reading all takes too long."""
    digest = hashlib.blake2b(digest_size=16)
    for path in paths:
        try:
            status = os.stat(f"{root}{os.sep}{path}")  # noqa: PTH116 - half the time of Path.stat, for each file
            digest.update(
                f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0".encode(errors="surrogateescape")
            )
        except OSError as error:
            digest.update(f"{path}\0{error.errno}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


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
