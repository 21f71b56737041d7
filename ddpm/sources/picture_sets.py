"""CelebA, Oxford Flowers and Oxford Pets: folders of photographs beside lists of what is on them.

They are seen at 64x64 unless another size is named. Their own division into training and test images, made for
classifiers, leaves little to train on: of flowers and pets all are taken, of CelebA the training part.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ddpm.errors import DataError, MissingDataError
from ddpm.progress import Progress
from ddpm.sources.binary_sets import fetch_folder
from ddpm.sources.download import fetch, missing
from ddpm.sources.flower_names import FLOWERS
from ddpm.sources.folder import FOLDER_SIZE, picture_files
from ddpm.sources.matlab import mat_arrays
from ddpm.sources.pictures import Pictures

ImageSize = tuple[int, int] | None


def open_celeba(data_root: Path, image_size: ImageSize, channels: int | None) -> Pictures:
    """The training part of the aligned faces, 178x218; a square size shows the 178x178 in the middle.

    They have attributes and identities, but no classes. Raises DataError where they are missing.
    """
    places = [data_root / "celeba", data_root / "CelebA", data_root]
    folder = next((place for place in places if (place / "img_align_celeba").is_dir()), None)
    if folder is None or not (folder / "list_eval_partition.txt").is_file():
        raise DataError(
            "The data set celeba is not on this disk: there is no folder img_align_celeba beside a file "
            f"list_eval_partition.txt in {', '.join(map(str, places))}. It comes from Google Drive, which lets no "
            f"program fetch it: get both from the page of CelebA, and unpack them into {places[0]}."
        )
    rows = _rows(folder / "list_eval_partition.txt", 2)
    paths = [Path("img_align_celeba", name) for name, part in rows if part == "0"]
    return picture_files(
        folder, paths, name="celeba", image_size=image_size or FOLDER_SIZE, channels=channels or 3
    )


def cannot_download(_data_root: Path, _progress: Progress) -> None:
    """Nothing: opening the set says what to do where it is missing."""


def open_flowers(data_root: Path, image_size: ImageSize, channels: int | None) -> Pictures:
    """All flowers, of 102 kinds (Nilsback and Zisserman 2008). Raises DataError where they are missing or damaged."""
    folder = _find("flowers", data_root, "flowers-102", ("imagelabels.mat", "jpg"))
    arrays = mat_arrays(folder / "imagelabels.mat")
    if "labels" not in arrays:
        raise DataError(f"{folder / 'imagelabels.mat'} holds no labels. Delete it and get it again.")
    labels = arrays["labels"].read().astype(np.int64).ravel() - 1
    paths = [Path("jpg", f"image_{number:05d}.jpg") for number in range(1, len(labels) + 1)]
    return _labelled("flowers", folder, paths, labels, FLOWERS, image_size, channels)


def download_flowers(data_root: Path, progress: Progress) -> None:
    """Put the flowers below ``data_root`` unless they are there. Raises DataError where that fails."""
    if _is_here(lambda: open_flowers(data_root, None, None)):
        return
    from torchvision.datasets import Flowers102  # here, because it brings torch along

    site, files = Flowers102._download_url_prefix, Flowers102._file_dict
    folder = data_root / "flowers-102"
    labels, md5 = files["label"]
    fetch([site + labels], md5, folder / labels, progress)
    images, md5 = files["image"]
    fetch_folder(site + images, md5, folder / "jpg", progress)


def open_pets(data_root: Path, image_size: ImageSize, channels: int | None) -> Pictures:
    """All cats and dogs, of 37 breeds (Parkhi et al. 2012). Raises DataError where they are missing or damaged."""
    folder = _find(
        "pets", data_root, "oxford-iiit-pet", ("annotations/trainval.txt", "annotations/test.txt", "images")
    )
    rows = [row for part in ("trainval", "test") for row in _rows(folder / "annotations" / f"{part}.txt", 4)]
    breeds = {int(number): name.rsplit("_", 1)[0].replace("_", " ") for name, number, *_ in rows}
    paths = [Path("images", f"{name}.jpg") for name, *_ in rows]
    labels = np.array([int(number) for _, number, *_ in rows], np.int64) - 1
    class_names = tuple(breeds[number] for number in sorted(breeds))
    return _labelled("pets", folder, paths, labels, class_names, image_size, channels)


def download_pets(data_root: Path, progress: Progress) -> None:
    """Put the pets below ``data_root`` unless they are there. Raises DataError where that fails."""
    if _is_here(lambda: open_pets(data_root, None, None)):
        return
    from torchvision.datasets import OxfordIIITPet  # here, because it brings torch along

    for url, md5 in OxfordIIITPet._RESOURCES:
        folder = data_root / "oxford-iiit-pet" / url.rsplit("/", 1)[1].removesuffix(".tar.gz")
        if not folder.is_dir():
            fetch_folder(url, md5, folder, progress)


def _is_here(open_set: Callable[[], Pictures]) -> bool:
    try:
        open_set()
    except MissingDataError:
        return False
    return True


def _find(name: str, data_root: Path, folder: str, needed: tuple[str, ...]) -> Path:
    places = [data_root / folder, data_root / name, data_root]
    found = next((place for place in places if all((place / part).exists() for part in needed)), None)
    if found is None:
        raise missing(name, " and ".join(needed), places)
    return found


def _rows(path: Path, columns: int) -> Iterator[list[str]]:
    """The rows of a list of words, without its comments. Raises DataError where one has other columns."""
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if len(words) != columns or not all(word.isdigit() for word in words[1:]) or "/" in words[0]:
            raise DataError(f"{path} is damaged: line {number} is {line[:50]!r}. Delete it and get it again.")
        yield words


def _labelled(
    name: str,
    folder: Path,
    paths: list[Path],
    labels: NDArray[np.int64],
    class_names: tuple[str, ...],
    image_size: ImageSize,
    channels: int | None,
) -> Pictures:
    if not len(labels) or labels.min() < 0 or labels.max() >= len(class_names):
        raise DataError(
            f"The labels of {name} in {folder} do not fit its {len(class_names)} classes. "
            f"Delete them and get them again."
        )
    return picture_files(
        folder,
        paths,
        name=name,
        image_size=image_size or FOLDER_SIZE,
        channels=channels or 3,
        labels=labels,
        class_names=class_names,
    )
