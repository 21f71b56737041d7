"""Images in the files of NumPy: .npy, which is mapped and so may be larger than memory, and .npz."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddpm.errors import DataError
from ddpm.sources.arrays import ArrayImages, array_images

ENDINGS = (".npy", ".npz")
IMAGE_KEYS = ("images", "x", "X", "x_train", "train_images", "data", "arr_0")
LABEL_KEYS = ("labels", "y", "Y", "y_train", "train_labels", "arr_1")
_LARGEST_SIDE = 4096
# What the files begin with.
_NPY, _ZIP = b"\x93NUMPY", b"PK"
_ROWS_AT_ONCE = 1024
_ACCEPTED = (
    "Images are [N, H, W], [N, H, W, C] or [N, C, H, W] with 1, 3 or 4 channels: uint8; bool; or floats from "
    "0 to 1, or from -1 to 1."
)


def open_array_file(path: Path, image_size: tuple[int, int] | None, channels: int | None) -> ArrayImages:
    """The images in a .npy or .npz file, at their own size and channels unless others are named.

    Images are [N, H, W], [N, H, W, C] or [N, C, H, W], C being 1, 3 or 4; where both ends could be the channels,
    the last axis is. They are uint8, bool, or floats: from -1 to 1 if any is negative, and from 0 to 1 otherwise.
    A .npz names them by one of ``IMAGE_KEYS``, and by one of ``LABEL_KEYS`` whole-number labels [N], if any, whose
    classes are then called by their numbers. Nothing is unpickled. Raises DataError for everything else.
    """
    try:
        array, labels = _read(path)
    except (OSError, ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile) as error:
        save = "savez(path, images=..., labels=...)" if path.suffix == ".npz" else "save(path, images)"
        raise DataError(
            f"Cannot read {path}: {_reason(path, error)}. Save it again with numpy.{save}."
        ) from None
    images = _channels_first(array, path)
    numbers, class_names = (None, ()) if labels is None else _classes(labels, path)
    return array_images(
        path.stem,
        (images.shape[0], images.shape[1], images.shape[2], images.shape[3]),
        lambda: images,
        image_size,
        channels,
        labels=numbers,
        class_names=class_names,
        as_bytes=_to_bytes(images, path),
    )


def _read(path: Path) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Images and labels as they were saved. Which of the two kinds a file is, its content says."""
    arrays = np.load(path, mmap_mode="r", allow_pickle=False)
    if isinstance(arrays, np.ndarray):
        return arrays, None
    with arrays:
        images = next((key for key in IMAGE_KEYS if key in arrays), None)
        labels = next((key for key in LABEL_KEYS if key in arrays), None)
        if images is None:
            found = ", ".join(arrays.files) or "nothing"
            raise DataError(
                f"{path} holds {found}, and no images under one of the names {', '.join(IMAGE_KEYS)}. "
                f"Save it with numpy.savez(path, images=..., labels=...)."
            )
        return arrays[images], None if labels is None else arrays[labels]


def _reason(path: Path, error: Exception) -> str:
    """Why NumPy cannot read a file, in a few words; its own words advise to unpickle."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, MemoryError):
        return "its arrays do not fit into the memory of this machine, as those of a .npy file need not"
    with path.open("rb") as file:
        beginning = file.read(len(_NPY))
    if not beginning:
        return "the file is empty"
    if beginning != _NPY and not beginning.startswith(_ZIP):
        return "it is not a file of NumPy"
    if "object" in str(error).lower():  # "Object arrays cannot be loaded", "Python objects in dtype"
        return "it holds Python objects, and images are numbers"
    return "the file is cut off or damaged"


def _channels_first(array: NDArray[Any], path: Path) -> NDArray[Any]:
    """A view [N, C, H, W]. Raises DataError where the array is not a set of images."""
    if array.ndim in (3, 4) and not len(array):
        raise DataError(f"The array in {path} has the shape {list(array.shape)}, so it holds no images.")
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and array.shape[3] in (1, 3, 4):
        array = array.transpose(0, 3, 1, 2)
    sides = array.shape[2:] if array.ndim == 4 and array.shape[1] in (1, 3, 4) else (0,)
    if not all(1 <= side <= _LARGEST_SIDE for side in sides):
        raise DataError(
            f"The array in {path} has the shape {list(array.shape)}, which is no set of images. {_ACCEPTED}"
        )
    return array


def _to_bytes(images: NDArray[Any], path: Path) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
    """What makes rows of these images uint8. Floats are looked through first; raises DataError where one is odd."""
    if images.dtype == np.uint8:
        return np.asarray
    if images.dtype == np.bool_:
        return lambda rows: rows.astype(np.uint8) * np.uint8(255)
    if images.dtype.kind != "f":
        raise DataError(f"The array in {path} is of type {images.dtype}. {_ACCEPTED}")
    chunks = [images[start : start + _ROWS_AT_ONCE] for start in range(0, len(images), _ROWS_AT_ONCE)]
    low, high = float(min(chunk.min() for chunk in chunks)), float(max(chunk.max() for chunk in chunks))
    if not (low >= -1 and high <= 1):
        raise DataError(f"The array in {path} holds floats from {low:g} to {high:g}. {_ACCEPTED}")
    offset, scale = (1.0, 127.5) if low < 0 else (0.0, 255.0)
    return lambda rows: np.rint((rows.astype(np.float64) + offset) * scale).astype(np.uint8)


def _classes(labels: NDArray[Any], path: Path) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The labels as numbers from 0, and the names of the classes."""
    flat = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if flat.ndim != 1 or flat.dtype.kind not in "iu" or (len(flat) and flat.min() < 0):
        raise DataError(
            f"The labels in {path} are of type {labels.dtype} and shape {list(labels.shape)}. "
            f"They should be whole numbers from 0, one for each image."
        )
    values, numbers = np.unique(flat, return_inverse=True)
    return numbers.astype(np.int64), tuple(str(value) for value in values)
