"""Open a data set by its name, or a folder or file of images by its path. Needs no torch."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ddpm.config import Config, DataConfig
from ddpm.errors import DataError, NoSuchDataError
from ddpm.progress import Progress, say_nothing
from ddpm.sources import hugging_face
from ddpm.sources.array_files import ENDINGS as ARRAY_ENDINGS
from ddpm.sources.array_files import open_array_file
from ddpm.sources.decoded import decoded_below
from ddpm.sources.folder import open_folder
from ddpm.sources.imageset import DataSummary, ImageSet
from ddpm.sources.named_sets import DATASETS, NamedSet
from ddpm.sources.pictures import Pictures
from ddpm.sources.stored import StoredImages, fits_into_memory, summary_of, worker_count
from ddpm.spelling import nearest
from ddpm.split import split, split_positions

__all__ = [
    "DATASETS",
    "NO_DATA",
    "DataSummary",
    "ImageSet",
    "NamedSet",
    "Progress",
    "StoredImages",
    "left_out",
    "load_images",
    "open_data",
    "open_held_out",
    "open_stored",
    "refuse_no_data",
    "resolve",
    "summarize",
]

# Stands where a recipe names its data, if nobody has said what an imported network is to be trained on.
NO_DATA = "unknown"
# Names that other programs use, where they are too unlike ours to be guessed.
_OTHER_NAMES = {"kuzushiji-mnist": "kmnist", "oxford-iiit-pet": "pets", "oxfordiiitpet": "pets"}


def refuse_no_data(config: Config, run_name: str) -> None:
    """Raise NoSuchDataError where the recipe of an imported run names no data set."""
    if config.data.source == NO_DATA:
        raise NoSuchDataError(
            f"{run_name} was imported without a data set, so there are no images to train it on or measure it with: "
            "import it again with `ddpm-studio import --data DATA`, or name data.source in its config.toml."
        )


def open_stored(
    config: DataConfig, data_root: Path, *, download: bool = False, progress: Progress | None = None
) -> StoredImages:
    """Find a recipe's data set, at the recipe's size and channels; its pixels are read when asked for.

    ``data_root`` holds the sets that have names, as torchvision lays them out; one that is not there is fetched if
    ``download`` is on. Raises DataError where the set is unknown, not on this disk, damaged, holds no images, or
    a download fails.
    """
    source, size, channels = config.source, config.image_size, config.channels
    report = progress or say_nothing
    if named := DATASETS.get(source):
        if download:
            named.download(data_root, report)
        stored = named.open(data_root, size, channels)
        return replace(stored, keep_in=decoded_below(data_root)) if isinstance(stored, Pictures) else stored
    if source.startswith(hugging_face.PREFIX):
        if download:
            hugging_face.download_hugging_face(source, data_root, report)
        return hugging_face.open_hugging_face(source, data_root, size, channels)
    path = _path(source)
    if path.is_dir():
        return open_folder(path, size, channels, decoded_below(data_root))
    return open_array_file(path, size, channels)


def summarize(config: DataConfig, data_root: Path) -> DataSummary:
    """What a recipe's data set is, from headers and names alone; ``load_images`` gives that shape.

    Raises DataError as ``open_stored`` does.
    """
    return summary_of(open_stored(config, data_root))


def load_images(
    config: DataConfig, data_root: Path, *, download: bool = False, progress: Progress | None = None
) -> ImageSet:
    """Read a recipe's data set into memory, at the recipe's size and channels.

    Raises DataError as ``open_stored`` does, and where nothing can be read or memory is too small.
    """
    stored = open_stored(config, data_root, download=download, progress=progress)
    return stored.load(worker_count(config.workers), progress or say_nothing)


def open_data(
    config: Config, data_root: Path, *, download: bool = False, progress: Progress | None = None
) -> tuple[Config, ImageSet]:
    """The images that a recipe trains on, and the recipe with size, channels and classes filled in.

    What ``data.held_out`` holds back is not among them. Raises DataError as ``load_images`` does, and where
    there is but one image and some of it is to be held out.
    """
    whole = load_images(config.data, data_root, download=download, progress=progress)
    trained, _ = split(whole, config.data.held_out, config.train.seed)
    return filled_in(config, trained), trained


def open_held_out(
    config: Config, data_root: Path, *, download: bool = False, progress: Progress | None = None
) -> tuple[Config, ImageSet]:
    """The images that ``data.held_out`` keeps from the training of this recipe, in memory, never mirrored.

    Raises DataError as ``open_data`` does, and where the recipe holds nothing out.
    """
    data, seed = config.data, config.train.seed
    if data.held_out == 0:
        raise DataError(
            f"The recipe holds no images of {data.source} out (data.held_out is 0), so there are none that the "
            "network has not seen. Train with data.held_out above 0, such as 0.05."
        )
    stored = open_stored(data, data_root, download=download, progress=progress)
    workers, report = worker_count(data.workers), progress or say_nothing
    if data.stream == "never" or (data.stream == "auto" and fits_into_memory(stored)):
        held_out = split(stored.load(workers, report), data.held_out, seed)[1]
    else:
        whole = stored.checked(workers, report)
        held_out = whole.take(split_positions(whole.n, data.held_out, seed)[1]).load(workers, report)
    return filled_in(config, held_out), held_out


def left_out(skipped: Sequence[str]) -> list[str]:
    """How many files are no images, and the first of them by name, as a warning; none where all are."""
    if not skipped:
        return []
    files = "image file" if len(skipped) == 1 else "image files"
    named = ", ".join(skipped[:5]) + (" ..." if len(skipped) > 5 else "")
    return [f"{len(skipped)} {files} left out: {named}"]


def filled_in(config: Config, found: ImageSet | DataSummary) -> Config:
    """The recipe with its data section resolved."""
    return config.model_copy(update={"data": resolve(config.data, found)})


def resolve(config: DataConfig, found: DataSummary | ImageSet) -> DataConfig:
    """The recipe's data section with nothing left open: size, channels and classes as found, a path absolute."""
    return DataConfig.model_validate(
        {
            **config.model_dump(),
            "source": _resolved(config.source),
            "image_size": found.image_size,
            "channels": found.channels,
            "class_names": found.class_names,
        }
    )


def _resolved(source: str) -> str:
    if source in DATASETS:
        return source
    if source.startswith(hugging_face.PREFIX):
        return hugging_face.parse(source).source
    return str(_path(source))


def _path(source: str) -> Path:
    """The folder or array file that a source names. Raises DataError with a hint where there is none."""
    try:
        path = Path(source).expanduser().resolve()
        is_usable = path.is_dir() or (path.is_file() and path.suffix.lower() in ARRAY_ENDINGS)
        is_other = path.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"{source!r} is neither a data set nor a path that can be read: {error}.") from None
    if is_usable:
        return path
    if is_other:
        raise NoSuchDataError(
            f"{path} is not a folder and no .npy or .npz file. Name a folder of images, or one of: "
            f"{', '.join(DATASETS)}."
        )
    if os.sep in source:
        raise NoSuchDataError(
            f"There is no folder {path}. Name a folder of images, or a .npy or .npz file; the data sets of this "
            f"program are {', '.join(DATASETS)}."
        )
    spelled = source.lower().replace("_", "-")
    near = nearest(spelled, [*DATASETS, *_OTHER_NAMES])
    hint = f" Did you mean {_OTHER_NAMES.get(near, near)}?" if near else ""
    raise NoSuchDataError(
        f"There is no data set named {source!r} and no folder {path}.{hint} The data sets are "
        f"{', '.join(DATASETS)}; hf:owner/name is one of the Hugging Face hub; anything else is the path of a folder "
        "of images, or of a .npy or .npz file."
    )
