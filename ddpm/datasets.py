"""Open a data set by its name, or a folder of images by its path. Needs no torch."""

import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ddpm.config import Config, DataConfig
from ddpm.errors import DataError, NoSuchDataError
from ddpm.folder import read_folder, summarize_folder
from ddpm.imageset import DataSummary, ImageSet, Progress, empty_images
from ddpm.named_sets import DATASETS, NamedSet
from ddpm.pixels import resize_grey
from ddpm.split import split

__all__ = [
    "DATASETS",
    "DataSummary",
    "ImageSet",
    "NamedSet",
    "Progress",
    "left_out",
    "load_images",
    "open_data",
    "open_held_out",
    "resolve",
    "summarize",
]

FOLDER_SIZE = (64, 64)


def summarize(config: DataConfig, data_root: Path) -> DataSummary:
    """What a recipe's data set is, from headers and names alone; ``load_images`` gives that shape.

    Raises DataError where the set is unknown, not on this disk yet, damaged, or holds no images.
    """
    named = DATASETS.get(config.source)
    if named is None:
        return summarize_folder(_folder(config.source), config.image_size or FOLDER_SIZE, config.channels)
    n, *own_size = named.shape(data_root)
    size = config.image_size or (own_size[0], own_size[1])
    return DataSummary(named.name, n, size, config.channels or 1, named.class_names)


def load_images(
    config: DataConfig, data_root: Path, *, download: bool = False, progress: Progress | None = None
) -> ImageSet:
    """Read a recipe's data set into memory, at the recipe's size and channels.

    ``data_root`` holds the sets that have names, as torchvision lays them out or as IDX files; a set that is
    not there is fetched if ``download`` is on. Raises DataError as ``summarize`` does, and where a download
    fails.
    """
    report = progress or _say_nothing
    named = DATASETS.get(config.source)
    if named is None:
        return read_folder(_folder(config.source), config.image_size or FOLDER_SIZE, config.channels, report)
    if download:
        named.download(data_root, report)
    grey = named.read(data_root)
    images = _in_channels(
        _at_size(grey.images, config.image_size, named.name), config.channels or 1, named.name
    )
    return ImageSet(named.name, images, grey.labels, named.class_names)


def open_data(
    config: Config, data_root: Path, *, download: bool = False, progress: Progress | None = None
) -> tuple[Config, ImageSet]:
    """The images that a recipe trains on, and the recipe with size, channels and classes filled in.

    What ``data.held_out`` holds back is not among them. Raises DataError as ``load_images`` does, and where
    there is but one image and some of it is to be held out.
    """
    whole = load_images(config.data, data_root, download=download, progress=progress)
    trained, _ = split(whole, config.data.held_out, config.train.seed)
    return _filled_in(config, trained), trained


def open_held_out(
    config: Config, data_root: Path, *, download: bool = False, progress: Progress | None = None
) -> tuple[Config, ImageSet]:
    """The images that ``data.held_out`` keeps from the training of this recipe, never mirrored.

    Raises DataError as ``open_data`` does, and where the recipe holds nothing out.
    """
    if config.data.held_out == 0:
        raise DataError(
            f"The recipe holds no images of {config.data.source} out (data.held_out is 0), so there are none that "
            "the network has not seen. Train with data.held_out above 0, such as 0.05."
        )
    whole = load_images(config.data, data_root, download=download, progress=progress)
    _, held_out = split(whole, config.data.held_out, config.train.seed)
    return _filled_in(config, held_out), held_out


def left_out(skipped: Sequence[str]) -> list[str]:
    """How many files are no images, and the first of them by name, as a warning; none where all are."""
    if not skipped:
        return []
    files = "image file" if len(skipped) == 1 else "image files"
    named = ", ".join(skipped[:5]) + (" ..." if len(skipped) > 5 else "")
    return [f"{len(skipped)} {files} left out: {named}"]


def _filled_in(config: Config, images: ImageSet) -> Config:
    return config.model_copy(update={"data": resolve(config.data, images)})


def resolve(config: DataConfig, found: DataSummary | ImageSet) -> DataConfig:
    """The recipe's data section with nothing left open: size, channels and classes as found, a path absolute."""
    source = config.source if config.source in DATASETS else str(_folder(config.source))
    return DataConfig.model_validate(
        {
            **config.model_dump(),
            "source": source,
            "image_size": found.image_size,
            "channels": found.channels,
            "class_names": found.class_names,
        }
    )


def _folder(source: str) -> Path:
    """The folder that a source names. Raises DataError with a hint where there is none."""
    try:
        path = Path(source).expanduser().resolve()
        if path.is_dir():
            return path
        is_other = path.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"{source!r} is neither a data set nor a path that can be read: {error}.") from None
    if is_other:
        raise DataError(f"{path} is not a folder. Name a folder of images, or one of: {', '.join(DATASETS)}.")
    near = difflib.get_close_matches(source.lower().replace("_", "-"), DATASETS, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise NoSuchDataError(
        f"There is no data set named {source!r} and no folder {path}.{hint} The data sets are "
        f"{', '.join(DATASETS)}; anything else is the path of a folder of images."
    )


def _at_size(images: NDArray[np.uint8], image_size: tuple[int, int] | None, name: str) -> NDArray[np.uint8]:
    if image_size is None or image_size == images.shape[2:]:
        return images
    resized = empty_images(len(images), 1, image_size, name)
    resize_grey(images, resized)
    return resized


def _in_channels(grey: NDArray[np.uint8], channels: int, name: str) -> NDArray[np.uint8]:
    """Grey images in 1, 3 (three equal ones) or 4 channels (and an opaque one)."""
    if channels == 1:
        return grey
    images = empty_images(len(grey), channels, (grey.shape[2], grey.shape[3]), name)
    images[:, :3] = grey
    images[:, 3:] = 255
    return images


def _say_nothing(_what: str, _done: int, _total: int) -> None:
    pass
