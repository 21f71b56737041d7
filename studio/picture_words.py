"""The pictures that a person names for an edit: files, images of the run's data set, and masks in words."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.errors import PictureError

if TYPE_CHECKING:
    from torch import Tensor

    from ddpm.runs import Run

DATA = "data:"
# Where each paints: (top, bottom, left, right) as shares of the height and the width.
MASKS = {
    "left half": (0.0, 1.0, 0.0, 0.5),
    "right half": (0.0, 1.0, 0.5, 1.0),
    "top half": (0.0, 0.5, 0.0, 1.0),
    "bottom half": (0.5, 1.0, 0.0, 1.0),
    "middle": (0.25, 0.75, 0.25, 0.75),
}


class NamedPictures:
    """Finds what is named for the edits of one run.

    A picture is a path, also one below the run's samples, or ``data:7`` for an image of its data set; a mask is a
    path or one of MASKS. ``given_up`` is asked while a data set is opened, which may take long.
    """

    def __init__(self, run: "Run", data_root: Path, given_up: Callable[[], bool]) -> None:
        self._run, self._data_root, self._given_up = run, data_root, given_up
        self._config = run.config()

    def read(self, edit: str, names: Sequence[str]) -> "list[Tensor]":
        """The pictures of an edit, uint8 [C, H, W], and its mask, float32 [1, H, W]. Raises PictureError, DataError."""
        from studio.edits import read_pictures

        of_files = not any(name.startswith(DATA) or name in MASKS for name in names)
        if of_files:
            return read_pictures(edit, [self._path(name) for name in names], self._config.data.shape)
        if edit != "inpaint":
            return [self._picture(name) for name in names]
        picture, mask = names
        return [self._picture(picture), self._mask(mask)]

    def _path(self, name: str) -> Path:
        path = Path(name).expanduser()
        below = self._run.path / "samples" / path
        return below if not path.is_absolute() and below.is_file() else path

    def _picture(self, name: str) -> "Tensor":
        import torch

        from ddpm.picture_file import read_picture

        shape = self._config.data.shape
        pixels = self._of_data(name) if name.startswith(DATA) else read_picture(self._path(name), shape)
        return torch.tensor(pixels)

    def _mask(self, name: str) -> "Tensor":
        import torch

        from ddpm.picture_file import read_picture

        _, height, width = self._config.data.shape
        if name not in MASKS:
            return torch.tensor(read_picture(self._path(name), (1, height, width)) >= 128).float()
        top, bottom, left, right = MASKS[name]
        mask = torch.zeros(1, height, width)
        mask[:, int(top * height) : int(bottom * height), int(left * width) : int(right * width)] = 1
        return mask

    def _of_data(self, name: str) -> "object":
        from ddpm.datasets import open_stored, refuse_no_data

        refuse_no_data(self._config, self._run.name)
        stored = open_stored(self._config.data, self._data_root, progress=self._note)
        number = name.removeprefix(DATA).strip()
        if not number.isdecimal() or int(number) >= stored.n:
            raise PictureError(
                f"{name} is no image of the data set: it has {stored.n:,}, so name {DATA}0 to {DATA}{stored.n - 1}."
            )
        return stored.read(int(number))

    def _note(self, _what: str, _done: int, _total: int) -> None:
        if self._given_up():
            raise PictureError("Stopped while the data set was opened.")
