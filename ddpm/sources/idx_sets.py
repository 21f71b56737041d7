"""MNIST and its relatives: grey images and labels in IDX files, where torchvision and people keep them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddpm.errors import DataError
from ddpm.progress import Progress
from ddpm.sources.archives import unpack_members
from ddpm.sources.arrays import ArrayImages, array_images
from ddpm.sources.digits import TEN_DIGITS
from ddpm.sources.download import fetch, missing
from ddpm.sources.idx import idx_shape, read_idx

_IMAGES = "train-images-idx3-ubyte"
_LABELS = "train-labels-idx1-ubyte"
_LARGEST_SIDE = 4096


@dataclass(frozen=True)
class IdxSet:
    """The training part of a set as torchvision stores it: ``folder`` is its name there, ``prefix`` its files'."""

    name: str
    folder: str
    class_names: tuple[str, ...]
    prefix: str = ""

    @property
    def images_file(self) -> str:
        """Name of the file of images, not packed."""
        return self.prefix + _IMAGES

    @property
    def labels_file(self) -> str:
        """Name of the file of labels, not packed."""
        return self.prefix + _LABELS

    def raw(self, data_root: Path) -> Path:
        """Where torchvision keeps the files, and where they are downloaded to."""
        return data_root / self.folder / "raw"

    def places(self, data_root: Path) -> list[Path]:
        """The folders that may hold the files, most telling first."""
        places = [self.raw(data_root), data_root / self.folder, data_root / self.name]
        # The files of most of these sets have the same names: a folder named for another one is not asked.
        return places if self._is_named_for_another(data_root) else [*places, data_root]

    def _is_named_for_another(self, data_root: Path) -> bool:
        absolute = data_root.expanduser().absolute()
        name = absolute.parent.name if absolute.name == "raw" else absolute.name
        others = {name for other in _ALL if other != self for name in (other.name, other.folder)}
        return name in others

    def find(self, data_root: Path) -> Path:
        """The folder that holds the images. Raises MissingDataError that says where it looked."""
        places = self.places(data_root)
        for place in places:
            if _idx_file(place, self.images_file):
                return place
        raise missing(self.name, f"{self.images_file} or {self.images_file}.gz", places)

    def open(self, data_root: Path, image_size: tuple[int, int] | None, channels: int | None) -> ArrayImages:
        """The images; their file is read up to its header for now. Raises DataError where one is damaged."""
        place = self.find(data_root)
        path = _require(_idx_file(place, self.images_file))
        n, height, width = idx_shape(path, 3)
        if not n or not 1 <= height <= _LARGEST_SIDE or not 1 <= width <= _LARGEST_SIDE:
            raise DataError(
                f"{path} promises {n} images of {height}x{width} pixels. Delete it and get it again."
            )
        labels_path = _idx_file(place, self.labels_file)
        return array_images(
            self.name,
            (n, 1, height, width),
            lambda: self.upright(read_idx(path, 3))[:, None],
            image_size,
            channels,
            labels=read_idx(labels_path, 1).astype(np.int64) if labels_path else None,
            class_names=self.class_names,
        )

    def upright(self, images: NDArray[Any]) -> NDArray[Any]:
        """Images [N, H, W] as a person writes them."""
        return images

    def download(self, data_root: Path, progress: Progress) -> None:
        """Put the set below ``data_root`` unless it is there. Raises DataError where that fails."""
        try:
            self.find(data_root)
        except DataError:
            self._fetch(data_root, progress)

    def _fetch(self, data_root: Path, progress: Progress) -> None:
        # Here, because it brings torch along.
        from torchvision import datasets

        known = getattr(datasets, self.folder)
        checksums = {name.removesuffix(".gz"): md5 for name, md5 in known.resources}
        # The labels first, as ``find`` looks for the images: half a download is not taken for the whole.
        for stem in (self.labels_file, self.images_file):
            if _idx_file(self.raw(data_root), stem) is None:
                name = f"{stem}.gz"
                urls = [f"{mirror.rstrip('/')}/{name}" for mirror in known.mirrors]
                fetch(urls, checksums[stem], self.raw(data_root) / name, progress)


class EmnistSet(IdxSet):
    """EMNIST's balanced part. It comes as one archive of all parts, and its images lie on their side."""

    def upright(self, images: NDArray[Any]) -> NDArray[Any]:
        """EMNIST stores columns where MNIST stores rows (Cohen et al. 2017, in the readers of its authors)."""
        return np.ascontiguousarray(images.swapaxes(1, 2))

    def _fetch(self, data_root: Path, progress: Progress) -> None:
        from torchvision.datasets import EMNIST

        raw = self.raw(data_root)
        archive = raw / "gzip.zip"
        if not archive.is_file():
            fetch([EMNIST.url], EMNIST.md5, archive, progress)
        names = [f"{self.labels_file}.gz", f"{self.images_file}.gz"]
        unpack_members(archive, {f"gzip/{name}": raw / name for name in names})
        archive.unlink()


def _idx_file(folder: Path, stem: str) -> Path | None:
    return next((path for path in (folder / stem, folder / f"{stem}.gz") if path.is_file()), None)


def _require(path: Path | None) -> Path:
    if path is None:
        raise DataError("The files of the data set went away while it was being opened. Try again.")
    return path


MNIST = IdxSet("mnist", "MNIST", TEN_DIGITS)
FASHION_MNIST = IdxSet(
    "fashion-mnist",
    "FashionMNIST",
    (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
)
KMNIST = IdxSet("kmnist", "KMNIST", ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"))
# Small letters that look like their capitals share a class with them.
EMNIST = EmnistSet(
    "emnist", "EMNIST", tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"), prefix="emnist-balanced-"
)
_ALL = (MNIST, FASHION_MNIST, KMNIST, EMNIST)
