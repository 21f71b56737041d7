"""A pane of sample images, enlarged by whole factors and laid out anew whenever its size changes."""

import asyncio
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.containers import Center, Vertical
from textual.widget import Widget
from textual.worker import Worker, WorkerState

from studio.arrangement import Arrangement, arrange
from studio.terminal import Pictures
from studio.widgets.words import Words

if TYPE_CHECKING:
    from PIL import Image

    from studio.contact_sheet import Pixels


class SamplePane(Vertical, can_focus=True):
    """Shows the first images of a batch that fit. Set them with ``show``; the newest call wins."""

    DEFAULT_CSS = """
    SamplePane {
        align: center middle;
        overflow: hidden;
        & > Center { width: 100%; height: auto; }
        & > #pane-words { width: 100%; height: auto; text-align: center; color: $muted; }
    }
    """

    def __init__(self, pictures: Pictures, *, empty: str, id: str | None = None) -> None:
        super().__init__(id=id)
        self._pictures = pictures
        self._empty = empty
        self._images: Pixels | None = None
        self._stale = False
        self._composing = False
        self.arrangement: Arrangement | None = None

    def compose(self) -> ComposeResult:
        yield Words(self._empty, id="pane-words", markup=False)

    def show(self, images: "Pixels") -> None:
        """Show images, uint8 [N, C, H, W]."""
        self._images = images
        self._fit()

    def say(self, words: str) -> None:
        """Show words in place of images."""
        self._images = None
        self.arrangement = None
        self._put_words(words)

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        if self._images is None or self.size.width == 0:
            return
        if self._pictures.protocol == "none":
            self._put_words("pictures are turned off (--images none)")
            return
        self._stale = True
        if not self._composing:
            self._composing = True
            self._keep_composed()

    @work(group="sheet", exit_on_error=False)
    async def _keep_composed(self) -> None:
        """Compose until the newest images are shown. What comes meanwhile replaces, but never interrupts."""
        try:
            while self._stale and self._images is not None and self.query("#pane-words"):
                self._stale = False
                await self._compose_sheet(self._images)
        finally:
            self._composing = False

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and self.query("#pane-words"):
            self.say(f"these samples cannot be shown: {event.worker.error}")

    async def _compose_sheet(self, images: "Pixels") -> None:
        cells = self.content_size
        per_cell = (self._pictures.cell_height, self._pictures.cell_width)
        space = (cells.height * per_cell[0], cells.width * per_cell[1])
        arrangement = arrange(len(images), (images.shape[2], images.shape[3]), space)
        self.arrangement = arrangement
        if arrangement is None:
            self._put_words("too small to show samples")
            return
        hidden = len(images) - arrangement.shown
        self.border_subtitle = f"{arrangement.shown} of {len(images)}" if hidden else ""
        background = self.background_colors[1].rgb
        picture = await asyncio.to_thread(_padded_sheet, images, arrangement, per_cell, background)
        if not self.query("#picture"):
            picture_class = await asyncio.to_thread(lambda: self._pictures.widget)
            await self.mount(Center(picture_class(id="picture")))
        if self._images is not None:
            self._put_picture(picture, per_cell)

    def _put_picture(self, picture: "Image.Image", per_cell: tuple[int, int]) -> None:
        widget = self.query_one("#picture", Widget)
        widget.styles.width = picture.width // per_cell[1]
        widget.styles.height = picture.height // per_cell[0]
        widget.display = True
        widget.image = picture  # type: ignore[attr-defined]
        self.query_one("#pane-words").display = False

    def _put_words(self, words: str) -> None:
        self.query("#picture").set(display=False)
        said = self.query_one("#pane-words", Words)
        said.update(words)
        said.display = True


def _padded_sheet(
    images: "Pixels", arrangement: Arrangement, per_cell: tuple[int, int], background: tuple[int, int, int]
) -> "Image.Image":
    # In the thread that draws, so that numpy does not delay the first paint.
    from studio.contact_sheet import padded_sheet

    return padded_sheet(images, arrangement, per_cell, background)
