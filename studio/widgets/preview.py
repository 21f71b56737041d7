"""A pane of sample images, enlarged by whole factors and laid out anew whenever its size changes."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Center, Vertical
from textual.message import Message

from studio.arrangement import Arrangement, arrange
from studio.picture_ladder import Scale
from studio.terminal import Pictures
from studio.widgets.picture import PictureView
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

    @dataclass
    class Arranged(Message):
        """Its images were laid out; its ``border_subtitle`` says how many of them are shown."""

        pane: "SamplePane"

    def __init__(self, pictures: Pictures, *, empty: str, id: str | None = None) -> None:
        super().__init__(id=id)
        self._pictures = pictures
        self._empty = empty
        self._images: Pixels | None = None
        self.arrangement: Arrangement | None = None

    def compose(self) -> ComposeResult:
        yield Words(self._empty, id="pane-words", markup=False)
        with Center():
            yield PictureView(self._pictures)

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
        cells = self.content_size
        background = self.background_colors[1].rgb
        draw = partial(_padded_sheet, self._images, background)
        self.query_one(PictureView).show(draw, (cells.height, cells.width))

    def on_picture_view_turned(self, event: PictureView.Turned) -> None:
        event.stop()
        self._fit()

    def on_picture_view_shown(self, event: PictureView.Shown) -> None:
        event.stop()
        if self._images is None:
            return
        arrangement = _arranged(self._images, event.scale) if event.scale else None
        self.arrangement = arrangement
        if arrangement is None:
            self._put_words("too small to show samples")
            return
        hidden = len(self._images) - arrangement.shown
        self.border_subtitle = f"{arrangement.shown} of {len(self._images)}" if hidden else ""
        self.post_message(self.Arranged(self))
        self.query_one("#pane-words").display = False

    def on_picture_view_failed(self, event: PictureView.Failed) -> None:
        event.stop()
        self.say(f"these samples cannot be shown: {event.error}")

    def _put_words(self, words: str) -> None:
        self.query_one(PictureView).clear()
        said = self.query_one("#pane-words", Words)
        said.update(words)
        said.display = True


def _arranged(images: "Pixels", scale: Scale) -> Arrangement | None:
    return arrange(len(images), (images.shape[2], images.shape[3]), scale.space)


def _padded_sheet(images: "Pixels", background: tuple[int, int, int], scale: Scale) -> "Image.Image | None":
    # In the thread that draws, so that numpy does not delay the first paint.
    from studio.contact_sheet import padded_sheet

    arrangement = _arranged(images, scale)
    return padded_sheet(images, arrangement, scale.per_cell, background) if arrangement else None
