"""Data sets of the Hugging Face hub, and those that its library ``datasets`` has saved to a folder.

A set is named ``hf:owner/name`` or ``hf:owner/name:split`` (the split is "train" unless named), a folder made by
``save_to_disk`` is ``hf:/its/path``. What is fetched is saved below the data root, and read from there ever after.
"""

import io
import shutil
import uuid
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ddpm.errors import DataError, MissingDataError
from ddpm.progress import Progress
from ddpm.sources.decoded import decoded_below
from ddpm.sources.folder import FOLDER_SIZE
from ddpm.sources.pictures import Pictures, decoders, own_channels

PREFIX = "hf:"


@dataclass(frozen=True)
class HubName:
    """What a source names: a set of the hub or a folder, and a split of it."""

    name: str
    split: str

    @property
    def is_folder(self) -> bool:
        """Whether it means a data set saved on this disk."""
        return self.name.startswith(("/", ".", "~"))

    def folder(self, data_root: Path) -> Path:
        """Where the set lies, or will lie once it has been fetched."""
        if self.is_folder:
            return Path(self.name).expanduser().absolute()
        return data_root / "hf" / f"{self.name.replace('/', '--')}--{self.split}"

    @property
    def source(self) -> str:
        """The name as a recipe keeps it: the same wherever it is read from."""
        name = str(self.folder(Path())) if self.is_folder else self.name
        return f"{PREFIX}{name}:{self.split}"


def parse(source: str) -> HubName:
    """What a source after ``hf:`` names. Raises DataError where it names nothing."""
    name, _, split = source.removeprefix(PREFIX).partition(":")
    parts = name.split("/")
    is_name = len(parts) <= 2 and all(part and not part.startswith("-") for part in parts)
    if not is_name and not name.startswith(("/", ".", "~")):
        raise DataError(
            f"{source!r} names no data set of the Hugging Face hub. Write hf:owner/name, hf:owner/name:split, or "
            f"hf:/path of a folder that the library datasets has saved."
        )
    return HubName(name, split or "train")


def open_hugging_face(
    source: str, data_root: Path, image_size: tuple[int, int] | None, channels: int | None
) -> Pictures:
    """The first column of images in a set, and the classes of its first column of class labels.

    Size and channels are chosen as for a folder. Raises MissingDataError where the set has not been fetched, and
    DataError where the library is not installed, there is no such split, or it has no images.
    """
    hub_name = parse(source)
    rows = _split_of(_load(hub_name, data_root), hub_name)
    datasets = _library()
    images = [name for name, feature in rows.features.items() if isinstance(feature, datasets.Image)]
    if not images or not len(rows):
        raise DataError(
            f"{source} has {len(rows)} rows and the columns {', '.join(rows.features)}, but no images in them. "
            f"Name a data set with a column of images."
        )
    encoded = rows.select_columns(images[:1]).cast_column(images[0], datasets.Image(decode=False))

    def open_picture(row: int) -> Image.Image:
        stored = encoded[row][images[0]]
        content = io.BytesIO(stored["bytes"]) if stored["bytes"] is not None else stored["path"]
        return Image.open(content, formats=decoders())

    labels, class_names = _labels(rows, datasets)
    pictures = Pictures(
        name=hub_name.name.rstrip("/").rsplit("/", 1)[-1],
        place=source,
        open_picture=open_picture,
        describe=lambda row: f"row {row}",
        fingerprint=lambda: str(rows._fingerprint),
        rows=np.arange(len(rows)),
        image_size=image_size or FOLDER_SIZE,
        channels=channels or 1,
        labels=labels,
        class_names=class_names,
        keep_in=decoded_below(data_root),
    )
    return pictures if channels else replace(pictures, channels=own_channels(pictures))


def download_hugging_face(source: str, data_root: Path, progress: Progress) -> None:
    """Fetch a set from the hub unless it lies below ``data_root``. Raises DataError where that fails."""
    hub_name = parse(source)
    folder = hub_name.folder(data_root)
    if folder.exists() or hub_name.is_folder:
        return
    datasets = _library()
    progress(f"downloading {hub_name.name}", 0, 0)
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.tmp")
    try:
        rows = datasets.load_dataset(hub_name.name, split=hub_name.split)
        folder.parent.mkdir(parents=True, exist_ok=True)
        rows.save_to_disk(temporary)
        temporary.replace(folder)
    except (
        Exception
    ) as error:  # the library raises almost anything when the network or a set is not as it should
        raise DataError(
            f"Cannot download {source}: {_first_line(error)}. Try again when the network is there, and see on the "
            f"hub whether the set has the split {hub_name.split} and needs no login."
        ) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _library() -> Any:
    try:
        datasets = import_module("datasets")
    except ImportError:
        raise DataError(
            "Data sets of the Hugging Face hub need its library: pip install 'ddpm-studio[hf]'."
        ) from None
    # Its bars would be drawn across whatever is on the screen.
    datasets.disable_progress_bars()
    import_module("huggingface_hub.utils").disable_progress_bars()
    return datasets


def _load(hub_name: HubName, data_root: Path) -> Any:
    folder = hub_name.folder(data_root)
    datasets = _library()
    if not folder.exists():
        if hub_name.is_folder:
            raise DataError(f"There is no folder {folder}. Name one that the library datasets has saved.")
        raise MissingDataError(
            f"The data set {hub_name.name} is not on this disk: there is no {folder}. "
            f"Fetch it with `ddpm-studio train {hub_name.source} --download` or by training on it in the app."
        )
    try:
        return datasets.load_from_disk(str(folder))
    except Exception as error:  # see download_hugging_face
        raise DataError(
            f"Cannot read {folder} as a data set of Hugging Face: {_first_line(error)}. "
            f"Name a folder made by save_to_disk."
        ) from None


def _split_of(loaded: Any, hub_name: HubName) -> Any:
    if not isinstance(loaded, dict):
        return loaded
    if hub_name.split not in loaded:
        raise DataError(
            f"{hub_name.source} has the splits {', '.join(loaded)}, and no {hub_name.split}. "
            f"Name one of them: hf:{hub_name.name}:{next(iter(loaded), 'split')}."
        )
    return loaded[hub_name.split]


def _labels(rows: Any, datasets: Any) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    for name, feature in rows.features.items():
        if isinstance(feature, datasets.ClassLabel):
            numbers = np.array([-1 if number is None else number for number in rows[name][:]], np.int64)
            # Rows whose class is kept secret have the label -1.
            if numbers.min() >= 0:
                return numbers, tuple(feature.names)
    return None, ()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0].rstrip(".") or type(error).__name__
