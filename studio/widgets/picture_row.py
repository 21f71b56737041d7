"""A row of pictures with a line of words below each, laid out anew whenever its size changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from studio.arrangement import LEGIBLE
from studio.picture_ladder import Scale
from studio.terminal import Pictures
from studio.widgets.picture import PicturePlace, PictureView
from studio.widgets.words import Words

if TYPE_CHECKING:
    from PIL import Image

    from studio.contact_sheet import Pixels

_GAP = 1
# Cells between pictures at most, however wide the row is.
_WIDEST_GAP = 8
_ENOUGH, _FEWEST = 6, 4


@dataclass(frozen=True, eq=False)
class Picture:
    """uint8 [C, H, W], or None for an empty place, and its caption.

    ``grainy``: shrink it by leaving pixels out. The mean of some pixels of noise is less noise than there is.
    """

    pixels: "Pixels | None"
    caption: str
    grainy: bool = False
    marked: bool = False

    def is_same(self, other: "Picture") -> bool:
        """Whether it looks the same."""
        words = (self.caption, self.grainy, self.marked) == (other.caption, other.grainy, other.marked)
        return words and _are_same(self.pixels, other.pixels)


def _are_same(one: "Pixels | None", other: "Pixels | None") -> bool:
    if one is None or other is None:
        return one is other
    return one.shape == other.shape and bool((one == other).all())


@dataclass(frozen=True)
class Row:
    """The places of n pictures: cells from one to the next, and the size of each (height, width) in pixels."""

    n: int
    pitch: int
    tile: tuple[int, int]


def fit_row(
    n: int, image_size: tuple[int, int], cells: tuple[int, int], per_cell: tuple[int, int]
) -> Row | None:
    """n pictures of (height, width) in one row of (height, width) cells, as large as can be; None where none fits.

    Enlarged by whole factors only. ``per_cell`` is (height, width) of a cell in pixels.
    """
    height, width = image_size
    place = cells[1] // n
    room = (cells[0] * per_cell[0], (place - _GAP) * per_cell[1])
    if min(room) < 4:
        return None
    factor = min(room[0] // height, room[1] // width)
    scale = factor if factor >= 1 else min(room[0] / height, room[1] / width)
    tile = (max(1, int(height * scale)), max(1, int(width * scale)))
    return Row(n, min(place, -(-tile[1] // per_cell[1]) + _WIDEST_GAP), tile)


def places(most: int, image_size: tuple[int, int], cells: tuple[int, int], per_cell: tuple[int, int]) -> int:
    """How many pictures a row is worth: as high as it allows where six fit, else of 16 pixels, else smaller.

    At most ``most`` and at least two.
    """
    height, width = image_size
    room = cells[0] * per_cell[0]
    widest = width * (room // height) if room >= height else width * room // height
    for side, enough in (
        (widest, _ENOUGH),
        (max(LEGIBLE, width), _ENOUGH),
        (LEGIBLE, _FEWEST),
        (min(image_size), 2),
    ):
        n = min(most, cells[1] // (-(-min(side, max(1, widest)) // per_cell[1]) + _GAP))
        if n >= min(enough, most):
            return n
    return 2


class PictureRow(Vertical):
    """Shows pictures side by side. Set them with ``show``; the newest call wins."""

    DEFAULT_CSS = """
    PictureRow {
        align: center middle;
        overflow: hidden;
        & > PicturePlace { width: 100%; height: auto; }
        & > .row-captions { width: 100%; height: 1; text-wrap: nowrap; text-overflow: clip; }
    }
    """

    def __init__(self, pictures: Pictures, id: str | None = None) -> None:
        super().__init__(id=id)
        self._pictures = pictures
        self.shown: tuple[Picture, ...] = ()

    def compose(self) -> ComposeResult:
        with PicturePlace():
            yield PictureView(self._pictures)
        yield Words("", classes="row-captions", markup=False)

    @property
    def cells(self) -> tuple[int, int]:
        """(height, width) in cells that pictures may take."""
        return max(0, self.content_size.height - 1), self.content_size.width

    @property
    def per_cell(self) -> tuple[int, int]:
        return self._pictures.per_cell

    def places(self, image_size: tuple[int, int], most: int) -> int:
        """How many pictures of a size are worth giving to ``show``."""
        return places(most, image_size, self.cells, self.per_cell)

    def show(self, pictures: Sequence[Picture]) -> None:
        """Show pictures of one size, left to right. The same again are not sent again."""
        before, self.shown = self.shown, tuple(pictures)
        if len(before) != len(self.shown) or not all(map(Picture.is_same, before, self.shown)):
            self._fit()

    def say(self, words: str) -> None:
        """Show words in place of pictures."""
        self.shown = ()
        self.query_one(PictureView).clear()
        captions = self.query_one(".row-captions", Words)
        captions.styles.height = "auto"
        captions.styles.text_wrap = "wrap"
        captions.styles.text_align = "center"
        captions.update(Content.styled(words, "$muted"))

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        if not self.shown or self.size.width == 0:
            return
        if self._pictures.protocol == "none":
            self.query_one(PictureView).clear()
            self._put_captions(Scale(self.cells, self.per_cell))
            return
        background = self.background_colors[1].rgb
        draw = partial(_row_sheet, self.shown, self.cells, background)
        self.query_one(PictureView).show(draw, self.cells)

    def on_picture_view_turned(self, event: PictureView.Turned) -> None:
        event.stop()
        self._fit()

    def on_picture_view_shown(self, event: PictureView.Shown) -> None:
        event.stop()
        if self.shown:
            self._put_captions(event.scale)

    def on_picture_view_failed(self, event: PictureView.Failed) -> None:
        event.stop()
        self.say(f"these pictures cannot be shown: {event.error}")

    def _put_captions(self, scale: Scale | None) -> None:
        shown = self.shown
        row = _row(shown, self.cells, scale.per_cell) if scale else None
        if row is None:
            self.say("too small to show pictures")
            return
        captions = self.query_one(".row-captions", Words)
        captions.styles.height = 1
        captions.styles.text_wrap = "nowrap"
        captions.styles.text_align = "left"
        left = (self.content_size.width - row.pitch * row.n) // 2
        parts = [
            Content.styled(
                picture.caption[: row.pitch - 1].center(row.pitch),
                "bold $series-a" if picture.marked else "$muted",
            )
            for picture in shown
        ]
        captions.update(Content.assemble(" " * left, *parts))


def _row(shown: tuple[Picture, ...], cells: tuple[int, int], per_cell: tuple[int, int]) -> Row | None:
    sizes = [picture.pixels.shape[1:] for picture in shown if picture.pixels is not None]
    return fit_row(len(shown), (sizes[0][0], sizes[0][1]), cells, per_cell) if sizes else None


def _row_sheet(
    shown: tuple[Picture, ...], cells: tuple[int, int], background: tuple[int, int, int], scale: Scale
) -> "Image.Image | None":
    # In the thread that draws, so that numpy and Pillow do not delay the first paint.
    from studio.contact_sheet import row_sheet

    # As wide as ever, whatever the scale has: the captions need their room.
    row = _row(shown, cells, scale.per_cell)
    if row is None:
        return None
    tiles = [(picture.pixels, picture.grainy) for picture in shown]
    return row_sheet(tiles, row.tile, row.pitch * scale.per_cell[1], scale.per_cell, background)
