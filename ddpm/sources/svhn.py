"""The house numbers of SVHN (Netzer et al. 2011), from the file for MATLAB in which they come."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ddpm.errors import DataError
from ddpm.progress import Progress
from ddpm.sources.arrays import ArrayImages, array_images
from ddpm.sources.digits import TEN_DIGITS
from ddpm.sources.download import fetch, missing
from ddpm.sources.matlab import mat_arrays

_FILE = "train_32x32.mat"


def open_svhn(data_root: Path, image_size: tuple[int, int] | None, channels: int | None) -> ArrayImages:
    """The training images; they are read when asked for. Raises DataError where the file is missing or damaged."""
    path = _find(data_root)
    arrays = mat_arrays(path)
    if not {"X", "y"} <= set(arrays) or len(arrays["X"].shape) != 4 or arrays["X"].dtype[1:] != "u1":
        raise DataError(
            f"{path} does not hold the images X and the labels y of SVHN. Delete it and get it again."
        )
    # MATLAB counts from 1, so the digit 0 is called 10.
    labels = arrays["y"].read().astype(np.int64).ravel() % 10
    height, width, own_channels, n = arrays["X"].shape

    def fetch_images() -> NDArray[np.uint8]:
        return np.ascontiguousarray(arrays["X"].read().transpose(3, 2, 0, 1), np.uint8)

    return array_images(
        "svhn",
        (n, own_channels, height, width),
        fetch_images,
        image_size,
        channels,
        labels=labels,
        class_names=TEN_DIGITS,
    )


def download_svhn(data_root: Path, progress: Progress) -> None:
    """Put the set below ``data_root`` unless it is there. Raises DataError where that fails."""
    try:
        _find(data_root)
    except DataError:
        from torchvision.datasets import SVHN  # here, because it brings torch along

        url, name, md5 = SVHN.split_list["train"]
        fetch([url], md5, data_root / name, progress)


def _find(data_root: Path) -> Path:
    places = [data_root, data_root / "svhn", data_root / "SVHN"]
    path = next((place / _FILE for place in places if (place / _FILE).is_file()), None)
    if path is None:
        raise missing("svhn", _FILE, places)
    return path
