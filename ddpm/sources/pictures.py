"""Pictures in files or in rows of a table, decoded one by one, with some broken ones among them."""

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Self

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ddpm.errors import DataError
from ddpm.files import replace_file
from ddpm.sources.imageset import ImageSet, Progress, empty_images
from ddpm.sources.pixels import is_grey, to_array
from ddpm.sources.stored import in_order

# Only these decoders are used, whatever a file calls itself: others start programs or fetch files.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "JPEG2000", "AVIF")
_DRAFT_FACTOR = 2


@dataclass(frozen=True)
class Pictures:
    """Pictures of any size and mode, seen at one size and number of channels. Implements StoredImages.

    ``open_picture`` opens the picture in a row and ``describe`` names it for a person; ``rows`` are those that
    belong to the set. ``place`` says where they lie, and ``fingerprint`` changes when one of them changes.
    """

    name: str
    place: str
    open_picture: Callable[[int], Image.Image]
    describe: Callable[[int], str]
    fingerprint: Callable[[], str]
    rows: NDArray[np.int64]
    image_size: tuple[int, int]
    channels: int
    labels: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Number of images."""
        return len(self.rows)

    def read(self, position: int) -> NDArray[np.uint8]:
        """One picture, uint8 [C, H, W]. Raises DataError where it cannot be read any more."""
        row = int(self.rows[position])
        try:
            return self._decoded(row)
        except Exception as error:  # see _broken
            raise DataError(
                f"{self.describe(row)} in {self.place} could be read before and cannot now: "
                f"{reason_of(error)}. Put it back as it was and resume the run."
            ) from None

    def take(self, positions: NDArray[np.int64]) -> Self:
        """These pictures only, in this order."""
        labels = None if self.labels is None else self.labels[positions]
        return replace(self, rows=self.rows[positions], labels=labels)

    def load(self, workers: int, progress: Progress) -> ImageSet:
        """Every picture that can be read. Raises DataError where none can, or where memory is too small."""
        images = empty_images(self.n, self.channels, self.image_size, self.place)

        def read(position: int) -> str | None:
            return self._broken(position, images[position])

        reasons = self._tried(read, "reading images", workers, progress)
        whole = self._without(reasons)
        kept = images if whole is self else images[_whole(reasons)]
        return ImageSet(self.name, kept, whole.labels, whole.class_names, whole.skipped)

    def checked(self, remembered: Path, workers: int, progress: Progress) -> Self:
        """Only the pictures that can be read, found by reading all of them unless that has been done before.

        The answer is kept in a small file below ``remembered``, for these files, this size, these channels
        and this Pillow.
        """
        told = f"{self.fingerprint()}/{self.image_size}/{self.channels}/{PIL.__version__}/".encode()
        digest = hashlib.blake2b(told + self.rows.tobytes(), digest_size=16).hexdigest()
        path = remembered / f"{digest}.json"
        reasons = _recall(path, self.n)
        if reasons is None:

            def read(position: int) -> str | None:
                height, width = self.image_size
                return self._broken(position, np.empty((self.channels, height, width), np.uint8))

            reasons = self._tried(read, "checking images", workers, progress)
            _remember(path, reasons)
        return self._without(reasons)

    def _tried(
        self, read: Callable[[int], str | None], what: str, workers: int, progress: Progress
    ) -> list[str | None]:
        """Why each picture cannot be read; None where it can."""
        reasons = []
        with silent_decoders(), closing(in_order(read, self.n, workers)) as results:
            for done, reason in enumerate(results, start=1):
                reasons.append(reason)
                progress(what, done, self.n)
        return reasons

    def _without(self, reasons: Sequence[str | None]) -> Self:
        """Those for which there is no reason against it. Raises DataError where none is left."""
        broken = [
            f"{self.describe(int(row))}: {reason}"
            for row, reason in zip(self.rows, reasons, strict=True)
            if reason
        ]
        if not broken:
            return self
        if len(broken) == self.n:
            raise none_readable(self.n, self.place, broken[0])
        return replace(self.take(np.flatnonzero(_whole(reasons))), skipped=(*self.skipped, *broken))

    def _broken(self, position: int, target: NDArray[np.uint8]) -> str | None:
        """Decode a picture into ``target`` [C, H, W]; the reason if that cannot be done."""
        try:
            target[:] = self._decoded(int(self.rows[position]))
        except Exception as error:  # decoders raise almost anything when a file is broken
            return reason_of(error)
        return None

    def _decoded(self, row: int) -> NDArray[np.uint8]:
        with self.open_picture(row) as image:
            # A large JPEG is decoded no finer than needed, for a small share of the work.
            side = _DRAFT_FACTOR * max(self.image_size)
            image.draft(None, (side, side))
            return to_array(image, self.channels, self.image_size)


def own_channels(pictures: Pictures) -> int:
    """1 if every readable picture is grey (see ``is_grey``) and 3 otherwise.

    Looks at headers only, and no further than the first picture in colour. Raises DataError where none can be read.
    """
    failure = None
    any_grey = False
    with silent_decoders():
        for row in pictures.rows.tolist():
            try:
                with pictures.open_picture(row) as image:
                    if not is_grey(image):
                        return 3
                    any_grey = True
            except Exception as error:  # decoders raise almost anything when a file is broken
                failure = failure or f"{pictures.describe(row)}: {reason_of(error)}"
    if not any_grey and failure:
        raise none_readable(pictures.n, pictures.place, failure)
    return 1


@cache
def decoders() -> tuple[str, ...]:
    """The formats that are read, as far as this Pillow has them."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


@contextmanager
def silent_decoders() -> Iterator[None]:
    """Without the warnings of Pillow: what matters of them is said in ``skipped``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def reason_of(error: Exception) -> str:
    """Why a picture cannot be read, in a few words."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image in a format that can be read"
    if isinstance(error, Image.DecompressionBombError):
        return "more pixels than any honest image has"
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error).splitlines()[0] if str(error) else type(error).__name__


def none_readable(n: int, place: str, first: str) -> DataError:
    """The error for a set of which nothing can be read; ``first`` is its first picture and the reason."""
    return DataError(
        f"None of the {n} image files in {place} can be read; the first is {first}. "
        f"Name a folder with whole images."
    )


def _whole(reasons: Sequence[str | None]) -> NDArray[np.bool_]:
    return np.array([reason is None for reason in reasons])


def _recall(path: Path, n: int) -> list[str | None] | None:
    """What ``_remember`` wrote for n pictures; None where it did not, or where the file is not sound."""
    try:
        broken = json.loads(path.read_text(encoding="utf-8"))["broken"]
        reasons: list[str | None] = [None] * n
        for position, reason in broken.items():
            reasons[int(position)] = str(reason)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return reasons


def _remember(path: Path, reasons: Sequence[str | None]) -> None:
    broken = {str(position): reason for position, reason in enumerate(reasons) if reason}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, json.dumps({"broken": broken}).encode(), durable=False)
    except OSError:
        pass  # then it is found out anew the next time
