"""CIFAR-10, CIFAR-100 and STL-10 from their binary archives: nothing but bytes of a fixed length for each image.

The archives of CIFAR for Python are pickles, which run code of whoever made them when they are opened. They are
not opened here, not even where torchvision has put them on the disk.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ddpm.errors import DataError
from ddpm.progress import Progress
from ddpm.sources.archives import unpack_folder
from ddpm.sources.arrays import ArrayImages, array_images
from ddpm.sources.download import fetch, missing


@dataclass(frozen=True)
class CifarSet:
    """A CIFAR's training images: records of label bytes and 3x32x32 pixels (Krizhevsky 2009).

    The last of the ``label_bytes`` is the label; CIFAR-100 has a coarser one before it.
    """

    name: str
    folder: str
    files: tuple[str, ...]
    names_file: str
    label_bytes: int
    archive: str
    md5: str

    def open(self, data_root: Path, image_size: tuple[int, int] | None, channels: int | None) -> ArrayImages:
        """The images; they are read when asked for. Raises DataError where a file is missing or of odd length."""
        folder = self.find(data_root)
        records = [_mapped(folder / file, self._record) for file in self.files]
        labels = np.concatenate([record[:, self.label_bytes - 1] for record in records]).astype(np.int64)

        def fetch_images() -> NDArray[np.uint8]:
            pixels = [record[:, self.label_bytes :] for record in records]
            return np.concatenate(pixels).reshape(-1, 3, 32, 32)

        return array_images(
            self.name,
            (len(labels), 3, 32, 32),
            fetch_images,
            image_size,
            channels,
            labels=labels,
            class_names=_words(folder / self.names_file),
        )

    def find(self, data_root: Path) -> Path:
        """The folder of the files. Raises MissingDataError that says where it looked."""
        places = [data_root / self.folder, data_root / self.name, data_root]
        for place in places:
            if all((place / file).is_file() for file in (*self.files, self.names_file)):
                return place
        raise missing(
            self.name,
            f"{self.files[0]} (the binary version; the one for Python is pickles, which are never opened)",
            places,
        )

    def download(self, data_root: Path, progress: Progress) -> None:
        """Put the set below ``data_root`` unless it is there. Raises DataError where that fails."""
        try:
            self.find(data_root)
        except DataError:
            from torchvision.datasets import CIFAR10  # here, because it brings torch along

            site = CIFAR10.url.rsplit("/", 1)[0]
            fetch_folder(f"{site}/{self.archive}", self.md5, data_root / self.folder, progress)

    @property
    def _record(self) -> int:
        return self.label_bytes + 3 * 32 * 32


@dataclass(frozen=True)
class Stl10Set:
    """A part of STL-10 (Coates et al. 2011): 3x96x96 pixels an image, each channel column by column."""

    name: str
    images_file: str
    labels_file: str | None

    def open(self, data_root: Path, image_size: tuple[int, int] | None, channels: int | None) -> ArrayImages:
        """The images, mapped into memory. Raises DataError where a file is missing or of odd length."""
        folder = self.find(data_root)
        pixels = _mapped(folder / self.images_file, 3 * 96 * 96)
        images = pixels.reshape(-1, 3, 96, 96).transpose(0, 1, 3, 2)
        labels, class_names = None, tuple[str, ...]()
        if self.labels_file:
            # The classes are counted from 1.
            labels = _mapped(folder / self.labels_file, 1)[:, 0].astype(np.int64) - 1
            class_names = _words(folder / "class_names.txt")
        return array_images(
            self.name,
            (len(images), 3, 96, 96),
            lambda: images,
            image_size,
            channels,
            labels=labels,
            class_names=class_names,
        )

    def find(self, data_root: Path) -> Path:
        """The folder of the files. Raises MissingDataError that says where it looked."""
        needed = (
            (self.images_file, self.labels_file, "class_names.txt")
            if self.labels_file
            else (self.images_file,)
        )
        places = [data_root / "stl10_binary", data_root / "stl10", data_root]
        for place in places:
            if all((place / file).is_file() for file in needed if file):
                return place
        raise missing(self.name, self.images_file, places)

    def download(self, data_root: Path, progress: Progress) -> None:
        """Put the set below ``data_root`` unless it is there. Raises DataError where that fails."""
        try:
            self.find(data_root)
        except DataError:
            from torchvision.datasets import STL10  # here, because it brings torch along

            fetch_folder(STL10.url, STL10.tgz_md5, data_root / STL10.base_folder, progress)


def fetch_folder(url: str, md5: str, folder: Path, progress: Progress) -> None:
    """Fetch an archive, make ``folder`` of it, and delete the archive. Raises DataError where that fails."""
    archive = folder.parent / url.rsplit("/", 1)[1]
    if not archive.is_file():
        fetch([url], md5, archive, progress)
    unpack_folder(archive, folder, progress)
    archive.unlink()


def _mapped(path: Path, record: int) -> NDArray[np.uint8]:
    """A file of records as uint8 [N, record], mapped into memory."""
    size = path.stat().st_size
    if not size or size % record:
        raise DataError(
            f"{path} is damaged: it has {size:,} bytes, and each image takes {record:,}. Delete it and get it again."
        )
    return np.memmap(path, np.uint8, "r").reshape(-1, record)


def _words(path: Path) -> tuple[str, ...]:
    """The names of the classes: one word a line."""
    try:
        return tuple(path.read_text(encoding="utf-8").split())
    except UnicodeDecodeError:
        raise DataError(f"{path} is damaged: it is not text. Delete it and get it again.") from None


CIFAR10 = CifarSet(
    "cifar10",
    "cifar-10-batches-bin",
    tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    "batches.meta.txt",
    1,
    "cifar-10-binary.tar.gz",
    "c32a1d4ab5d03f1284b67883e8d87530",
)
CIFAR100 = CifarSet(
    "cifar100",
    "cifar-100-binary",
    ("train.bin",),
    "fine_label_names.txt",
    2,
    "cifar-100-binary.tar.gz",
    "03b5dce01913d631647c71ecec9e9cb8",
)
STL10 = Stl10Set("stl10", "train_X.bin", "train_y.bin")
STL10_UNLABELED = Stl10Set("stl10-unlabeled", "unlabeled_X.bin", None)
