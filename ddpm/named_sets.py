"""The data sets that are known by name: where they are found, and how they are got."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ddpm.download import fetch
from ddpm.errors import DataError, MissingDataError
from ddpm.idx import idx_shape, read_idx
from ddpm.imageset import Progress

_IMAGES = "train-images-idx3-ubyte"
_LABELS = "train-labels-idx1-ubyte"
_LARGEST_SIDE = 4096


@dataclass(frozen=True)
class GreyImages:
    """uint8 [N, 1, H, W] at the set's own size, and int64 [N] labels if there are any."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None


@dataclass(frozen=True)
class NamedSet:
    """A data set with a name.

    ``shape`` gives (N, H, W) under a data root without reading the pixels, ``read`` the images; both raise
    DataError where the set is missing or damaged. ``download`` puts it under a data root unless it is there.
    """

    name: str
    description: str
    class_names: tuple[str, ...]
    shape: Callable[[Path], tuple[int, int, int]]
    read: Callable[[Path], GreyImages]
    download: Callable[[Path, Progress], None]


# The digits that come with the program


def _digits_file() -> bytes:
    in_wheel = resources.files("ddpm") / "assets" / "digits.npz"
    in_checkout = Path(__file__).parents[1] / "assets" / "digits.npz"
    for place in (in_wheel, in_checkout):
        if place.is_file():
            return place.read_bytes()
    raise DataError(
        f"The embedded digits are missing: there is neither {in_wheel} nor {in_checkout}. "
        f"Install ddpm-studio again."
    )


def _read_digits(_data_root: Path) -> GreyImages:
    try:
        with np.load(io.BytesIO(_digits_file()), allow_pickle=False) as arrays:
            return GreyImages(arrays["images"], arrays["labels"].astype(np.int64))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"The embedded digits are damaged ({error}). Install ddpm-studio again.") from None


def _digits_shape(data_root: Path) -> tuple[int, int, int]:
    n, _, height, width = _read_digits(data_root).images.shape
    return n, height, width


def _already_there(_data_root: Path, _progress: Progress) -> None:
    pass


# The sets in IDX files


@dataclass(frozen=True)
class _IdxSet:
    """A set as torchvision stores it: ``folder`` is its name there."""

    name: str
    folder: str

    def raw(self, data_root: Path) -> Path:
        """Where torchvision keeps the files, and where they are downloaded to."""
        return data_root / self.folder / "raw"

    def places(self, data_root: Path) -> list[Path]:
        """The folders that may hold the files, most telling first."""
        places = [self.raw(data_root), data_root / self.folder, data_root / self.name]
        # The files of all these sets have the same names: a folder named for another one is not asked.
        return places if self._is_named_for_another(data_root) else [*places, data_root]

    def _is_named_for_another(self, data_root: Path) -> bool:
        absolute = data_root.expanduser().absolute()
        name = absolute.parent.name if absolute.name == "raw" else absolute.name
        others = {name for other in _IDX_SETS if other != self for name in (other.name, other.folder)}
        return name in others

    def find(self, data_root: Path) -> Path:
        """The folder that holds the images. Raises DataError that says where it looked."""
        places = self.places(data_root)
        for place in places:
            if _idx_file(place, _IMAGES):
                return place
        raise MissingDataError(
            f"The data set {self.name} is not on this disk: there is no {_IMAGES} or {_IMAGES}.gz in "
            f"{', '.join(str(place) for place in places)}. Fetch it with `ddpm-studio train {self.name} --download`, "
            f"or name a folder that has it with --data-root."
        )

    def shape(self, data_root: Path) -> tuple[int, int, int]:
        path = _require(_idx_file(self.find(data_root), _IMAGES))
        n, height, width = idx_shape(path, 3)
        if not n or not 1 <= height <= _LARGEST_SIDE or not 1 <= width <= _LARGEST_SIDE:
            raise DataError(
                f"{path} promises {n} images of {height}x{width} pixels. Delete it and get it again."
            )
        return n, height, width

    def read(self, data_root: Path) -> GreyImages:
        self.shape(data_root)
        place = self.find(data_root)
        images = read_idx(_require(_idx_file(place, _IMAGES)), 3)[:, None]
        labels_path = _idx_file(place, _LABELS)
        if labels_path is None:
            return GreyImages(images, None)
        labels = read_idx(labels_path, 1)
        if len(labels) != len(images):
            raise DataError(
                f"{labels_path} holds {len(labels)} labels for {len(images)} images, so the two do not "
                f"belong together. Delete both and get them again."
            )
        return GreyImages(images, labels.astype(np.int64))

    def download(self, data_root: Path, progress: Progress) -> None:
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
        for stem in (_LABELS, _IMAGES):
            if _idx_file(self.raw(data_root), stem) is None:
                name = f"{stem}.gz"
                urls = [f"{mirror.rstrip('/')}/{name}" for mirror in known.mirrors]
                fetch(urls, checksums[stem], self.raw(data_root) / name, progress)


def _idx_file(folder: Path, stem: str) -> Path | None:
    return next((path for path in (folder / stem, folder / f"{stem}.gz") if path.is_file()), None)


def _require(path: Path | None) -> Path:
    if path is None:
        raise DataError("The files of the data set went away while it was being opened. Try again.")
    return path


_MNIST = _IdxSet("mnist", "MNIST")
_FASHION_MNIST = _IdxSet("fashion-mnist", "FashionMNIST")
_IDX_SETS = (_MNIST, _FASHION_MNIST)
_TEN_DIGITS = tuple("0123456789")
_GARMENTS = (
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
)

DATASETS: dict[str, NamedSet] = {
    "digits": NamedSet(
        "digits",
        "1,797 handwritten digits of 8x8 pixels; comes with the program",
        _TEN_DIGITS,
        _digits_shape,
        _read_digits,
        _already_there,
    ),
    "mnist": NamedSet(
        "mnist",
        "60,000 handwritten digits of 28x28 pixels; an 11 MB download",
        _TEN_DIGITS,
        _MNIST.shape,
        _MNIST.read,
        _MNIST.download,
    ),
    "fashion-mnist": NamedSet(
        "fashion-mnist",
        "60,000 garments of 28x28 pixels; a 30 MB download",
        _GARMENTS,
        _FASHION_MNIST.shape,
        _FASHION_MNIST.read,
        _FASHION_MNIST.download,
    ),
}
