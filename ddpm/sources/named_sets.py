"""The data sets that are known by name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ddpm.progress import Progress
from ddpm.sources.binary_sets import CIFAR10, CIFAR100, STL10, STL10_UNLABELED
from ddpm.sources.digits import open_digits
from ddpm.sources.idx_sets import EMNIST, FASHION_MNIST, KMNIST, MNIST
from ddpm.sources.picture_sets import (
    cannot_download,
    download_flowers,
    download_pets,
    open_celeba,
    open_flowers,
    open_pets,
)
from ddpm.sources.stored import StoredImages
from ddpm.sources.svhn import download_svhn, open_svhn

Open = Callable[[Path, tuple[int, int] | None, int | None], StoredImages]
Download = Callable[[Path, Progress], None]


@dataclass(frozen=True)
class NamedSet:
    """A data set with a name, and what it is like where it is whole and no other shape is asked for.

    ``open`` finds it under a data root, at a size and a number of channels, its own where they are None; it
    raises MissingDataError where the set is not there and DataError where it is damaged. ``download`` puts it
    under a data root unless it is there; ``origin`` says in words what that takes.
    """

    name: str
    what: str
    n: int
    image_size: tuple[int, int]
    channels: int
    origin: str
    open: Open
    download: Download

    @property
    def description(self) -> str:
        """What it is, in one line."""
        height, width = self.image_size
        colours = "grey" if self.channels == 1 else "colour"
        return f"{self.n:,} {self.what}, {height}x{width} in {colours}; {self.origin}"


def _already_there(_data_root: Path, _progress: Progress) -> None:
    pass


_ALL = (
    NamedSet(
        "digits",
        "handwritten digits",
        1_797,
        (8, 8),
        1,
        "comes with the program",
        lambda _data_root, image_size, channels: open_digits(image_size, channels),
        _already_there,
    ),
    NamedSet(
        "mnist", "handwritten digits", 60_000, (28, 28), 1, "an 11 MB download", MNIST.open, MNIST.download
    ),
    NamedSet(
        "fashion-mnist",
        "garments",
        60_000,
        (28, 28),
        1,
        "a 30 MB download",
        FASHION_MNIST.open,
        FASHION_MNIST.download,
    ),
    NamedSet(
        "kmnist", "cursive hiragana", 60_000, (28, 28), 1, "a 20 MB download", KMNIST.open, KMNIST.download
    ),
    NamedSet(
        "emnist",
        "letters and digits",
        112_800,
        (28, 28),
        1,
        "a 560 MB download",
        EMNIST.open,
        EMNIST.download,
    ),
    NamedSet(
        "cifar10",
        "animals and vehicles",
        50_000,
        (32, 32),
        3,
        "a 170 MB download",
        CIFAR10.open,
        CIFAR10.download,
    ),
    NamedSet(
        "cifar100",
        "things of 100 kinds",
        50_000,
        (32, 32),
        3,
        "a 170 MB download",
        CIFAR100.open,
        CIFAR100.download,
    ),
    NamedSet("svhn", "house numbers", 73_257, (32, 32), 3, "a 180 MB download", open_svhn, download_svhn),
    NamedSet(
        "stl10",
        "animals and vehicles",
        5_000,
        (96, 96),
        3,
        "a 2.6 GB download",
        STL10.open,
        STL10.download,
    ),
    NamedSet(
        "stl10-unlabeled",
        "animals and vehicles, unlabelled",
        100_000,
        (96, 96),
        3,
        "a 2.6 GB download",
        STL10_UNLABELED.open,
        STL10_UNLABELED.download,
    ),
    NamedSet(
        "celeba",
        "faces",
        162_770,
        (64, 64),
        3,
        "1.4 GB to be fetched by hand",
        open_celeba,
        cannot_download,
    ),
    NamedSet(
        "flowers",
        "flowers of 102 kinds",
        8_189,
        (64, 64),
        3,
        "a 345 MB download",
        open_flowers,
        download_flowers,
    ),
    NamedSet(
        "pets",
        "cats and dogs of 37 breeds",
        7_349,
        (64, 64),
        3,
        "an 810 MB download",
        open_pets,
        download_pets,
    ),
)

DATASETS: dict[str, NamedSet] = {named.name: named for named in _ALL}
