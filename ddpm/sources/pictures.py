"""Pictures in files or in rows of a table, decoded one by one, with some broken ones among them."""

import hashlib
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
from ddpm.progress import Progress
from ddpm.sources import decoded
from ddpm.sources.imageset import ImageSet, empty_images
from ddpm.sources.pixels import is_grey, to_array
from ddpm.sources.stored import in_order

# Only these decoders are used, whatever a file calls itself: others start programs or fetch files.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "JPEG2000", "AVIF")
_DRAFT_FACTOR = 2
# To be raised when the same picture would come out otherwise than before: what was kept is then decoded anew.
_DECODING = 1


@dataclass(frozen=True)
class Pictures:
    """Pictures of any size and mode, seen at one size and number of channels. Implements StoredImages.

    ``open_picture`` opens the picture in a row and ``describe`` names it for a person; ``rows`` are those that
    belong to the set. ``place`` says where they lie, and ``fingerprint`` changes when one of them changes.
    Once decoded, they are kept below ``keep_in``; ``kept`` are those of all rows, [N, C, H, W], found there.
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
    remarks: tuple[str, ...] = ()
    keep_in: Path = decoded.NOWHERE
    kept: NDArray[np.uint8] | None = None

    @property
    def n(self) -> int:
        """Number of images."""
        return len(self.rows)

    def read(self, position: int) -> NDArray[np.uint8]:
        """One picture, uint8 [C, H, W]. Raises DataError where it cannot be read any more."""
        row = int(self.rows[position])
        if self.kept is not None:
            return np.array(self.kept[row])
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
        known = self._recalled()
        if known and known.kept is not None:
            images = known.kept[known.rows]
            return ImageSet(self.name, images, known.labels, known.class_names, known.skipped)
        reasons = self._decode_all(self._file(), lambda position: images[position], workers, progress)
        whole = self._without(reasons)
        readable = images if whole is self else images[_whole(reasons)]
        return ImageSet(self.name, readable, whole.labels, whole.class_names, whole.skipped)

    def checked(self, workers: int, progress: Progress) -> Self:
        """Only the pictures that can be read, found by decoding all of them unless that has been done before.

        What was found is kept below ``keep_in``, for these files, this size, these channels and this Pillow: the
        names of the broken ones, and the images where the disk has room.
        """
        if known := self._recalled():
            return known
        file = self._file()
        reasons = decoded.recall_reasons(file.reasons, self.n)
        if reasons is None or file.has_room():
            shape = file.shape[1:]
            reasons = self._decode_all(file, lambda _position: np.zeros(shape, np.uint8), workers, progress)
        return replace(self, kept=file.recall())._without(reasons)

    def _recalled(self) -> Self | None:
        """These pictures with the images that are kept of them, without the broken ones; None where none are kept."""
        if self.kept is not None:
            return self
        file = self._file()
        reasons, kept = decoded.recall_reasons(file.reasons, self.n), file.recall()
        return None if reasons is None or kept is None else replace(self, kept=kept)._without(reasons)

    def _file(self) -> decoded.KeptImages:
        """Where these pictures are kept at this size. Its name changes with all that changes what is in it."""
        rules = f"{_DECODING}/{self.fingerprint()}/{self.image_size}/{self.channels}/{PIL.__version__}/"
        digest = hashlib.blake2b(rules.encode() + self.rows.tobytes(), digest_size=16).hexdigest()
        path = self.keep_in / f"{digest}{decoded.ENDING}"
        return decoded.KeptImages(path, (self.n, self.channels, *self.image_size))

    def _decode_all(
        self,
        file: decoded.KeptImages,
        room: Callable[[int], NDArray[np.uint8]],
        workers: int,
        progress: Progress,
    ) -> list[str | None]:
        """Decode each picture into ``room`` of its position and keep it; why it cannot be read, None where it can."""

        def decode(position: int) -> tuple[NDArray[np.uint8], str | None]:
            image = room(position)
            return image, self._broken(position, image)

        reasons = []
        with (
            silent_decoders(),
            closing(in_order(decode, self.n, workers)) as results,
            file.keeping() as keep,
        ):
            for image, reason in results:
                keep(image)
                reasons.append(reason)
                progress("reading images", len(reasons), self.n)
        decoded.remember_reasons(file.reasons, reasons)
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

    Looks at headers only, and no further than the first picture in colour; that all are grey is kept below
    ``keep_in``. Raises DataError where none can be read.
    """
    rules = f"{pictures.fingerprint()}/{PIL.__version__}".encode()
    known = pictures.keep_in / f"{hashlib.blake2b(rules, digest_size=16).hexdigest()}.grey.json"
    if decoded.recall_reasons(known, pictures.n) is not None:
        return 1
    broken = _broken_among_grey(pictures)
    if broken is None:
        return 3
    if broken and None not in broken:
        raise none_readable(pictures.n, pictures.place, str(broken[0]))
    decoded.remember_reasons(known, broken)
    return 1


def _broken_among_grey(pictures: Pictures) -> list[str | None] | None:
    """Why each picture cannot be read, None for those that are grey; None instead where there is one in colour."""
    reasons: list[str | None] = []
    with silent_decoders():
        for row in pictures.rows.tolist():
            try:
                with pictures.open_picture(row) as image:
                    if not is_grey(image):
                        return None
                reasons.append(None)
            except Exception as error:  # decoders raise almost anything when a file is broken
                reasons.append(f"{pictures.describe(row)}: {reason_of(error)}")
    return reasons


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
