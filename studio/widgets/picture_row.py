"""A row of pictures with a line of words below each, laid out anew whenever its size changes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.containers import Center, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.worker import Worker, WorkerState

from studio.arrangement import LEGIBLE
from studio.terminal import Pictures
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
        & > Center { width: 100%; height: auto; }
        & > .row-captions { width: 100%; height: 1; text-wrap: nowrap; text-overflow: clip; }
    }
    """

    def __init__(self, pictures: Pictures, id: str | None = None) -> None:
        super().__init__(id=id)
        self._pictures = pictures
        self.shown: tuple[Picture, ...] = ()
        self._stale = False
        self._composing = False

    def compose(self) -> ComposeResult:
        yield Words("", classes="row-captions", markup=False)

    @property
    def cells(self) -> tuple[int, int]:
        """(height, width) in cells that pictures may take."""
        return max(0, self.content_size.height - 1), self.content_size.width

    @property
    def per_cell(self) -> tuple[int, int]:
        return self._pictures.cell_height, self._pictures.cell_width

    def places(self, image_size: tuple[int, int], most: int) -> int:
        """How many pictures of a size are worth giving to ``show``."""
        return places(most, image_size, self.cells, self.per_cell)

    def show(self, pictures: Sequence[Picture]) -> None:
        """Show pictures of one size, left to right."""
        self.shown = tuple(pictures)
        self._fit()

    def say(self, words: str) -> None:
        """Show words in place of pictures."""
        self.shown = ()
        self.query(".row-picture").set(display=False)
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
        self._stale = True
        if not self._composing:
            self._composing = True
            self._keep_composed()

    @work(group="row", exit_on_error=False)
    async def _keep_composed(self) -> None:
        """Compose until the newest pictures are shown. What comes meanwhile replaces, but never interrupts."""
        try:
            while self._stale and self.shown and self.query(".row-captions"):
                self._stale = False
                await self._compose_row(self.shown)
        finally:
            self._composing = False

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and self.query(".row-captions"):
            self.say(f"these pictures cannot be shown: {event.worker.error}")

    async def _compose_row(self, shown: tuple[Picture, ...]) -> None:
        sizes = [picture.pixels.shape[1:] for picture in shown if picture.pixels is not None]
        row = fit_row(len(shown), (sizes[0][0], sizes[0][1]), self.cells, self.per_cell) if sizes else None
        if row is None:
            self.say("too small to show pictures")
            return
        if self._pictures.protocol != "none":
            background = self.background_colors[1].rgb
            sheet = await asyncio.to_thread(_row_sheet, shown, row, self.per_cell, background)
            if not self.query(".row-picture"):
                picture_class = await asyncio.to_thread(lambda: self._pictures.widget)
                await self.mount(Center(picture_class(classes="row-picture")), before=0)
            if self.shown:
                self._put(sheet)
        if self.shown:
            self._put_captions(shown, row)

    def _put(self, sheet: "Image.Image") -> None:
        widget = self.query_one(".row-picture", Widget)
        widget.styles.width = sheet.width // self.per_cell[1]
        widget.styles.height = sheet.height // self.per_cell[0]
        widget.display = True
        widget.image = sheet  # type: ignore[attr-defined]

    def _put_captions(self, shown: tuple[Picture, ...], row: Row) -> None:
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


def _row_sheet(
    shown: tuple[Picture, ...], row: Row, per_cell: tuple[int, int], background: tuple[int, int, int]
) -> "Image.Image":
    # In the thread that draws, so that numpy and Pillow do not delay the first paint.
    from studio.contact_sheet import row_sheet

    tiles = [(picture.pixels, picture.grainy) for picture in shown]
    return row_sheet(tiles, row.tile, row.pitch * per_cell[1], per_cell, background)
