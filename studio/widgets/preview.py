"""A pane of sample images, enlarged by whole factors and laid out anew whenever its size changes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message

from studio.arrangement import Arrangement, arrange
from studio.picture_ladder import Scale
from studio.terminal import Pictures
from studio.widgets.picture import PicturePlace, PictureView
from studio.widgets.words import Words

if TYPE_CHECKING:
    from PIL import Image

    from studio.contact_sheet import Pixels

Title = str | Content


@dataclass(frozen=True, eq=False)
class _Sheet:
    """Images, uint8 [N, C, H, W], to be drawn where there is room for them."""

    images: "Pixels"
    title: Title
    background: tuple[int, int, int]

    def arrangement(self, scale: Scale) -> Arrangement | None:
        return arrange(len(self.images), (self.images.shape[2], self.images.shape[3]), scale.space)

    def __call__(self, scale: Scale) -> "Image.Image | None":
        # In the thread that draws, so that numpy does not delay the first paint.
        from studio.contact_sheet import padded_sheet

        arrangement = self.arrangement(scale)
        if arrangement is None:
            return None
        return padded_sheet(self.images, arrangement, scale.per_cell, self.background)


class SamplePane(Vertical, can_focus=True):
    """Shows the first images of a batch that fit. Set them with ``show``; the newest call wins."""

    DEFAULT_CSS = """
    SamplePane {
        align: center middle;
        overflow: hidden;
        & > PicturePlace { width: 100%; height: auto; }
        & > #pane-words { width: 100%; height: auto; text-align: center; color: $muted; }
    }
    """

    @dataclass
    class Arranged(Message):
        """Images are there; ``border_subtitle`` of the pane says how many of them, ``title`` is what they came with."""

        pane: "SamplePane"
        title: Title

    def __init__(self, pictures: Pictures, *, empty: str, id: str | None = None) -> None:
        super().__init__(id=id)
        self._pictures = pictures
        self._empty = empty
        self._sheet: _Sheet | None = None
        self.arrangement: Arrangement | None = None

    def compose(self) -> ComposeResult:
        yield Words(self._empty, id="pane-words", markup=False)
        with PicturePlace():
            yield PictureView(self._pictures)

    def show(self, images: "Pixels", title: Title = "") -> None:
        """Show images, uint8 [N, C, H, W].

        The title, where there is one, comes to the border with them: a word there has all of them sent again.
        """
        self._sheet = _Sheet(images, title, self.background_colors[1].rgb)
        self._fit()

    def say(self, words: str) -> None:
        """Show words in place of images."""
        self._sheet = None
        self.arrangement = None
        self._put_words(words)

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        if self._sheet is None or self.size.width == 0:
            return
        if self._pictures.protocol == "none":
            self._put_words("pictures are turned off: I turns them on")
            self._put_title(self._sheet.title)
            return
        cells = self.content_size
        self.query_one(PictureView).show(self._sheet, (cells.height, cells.width))

    def on_picture_view_turned(self, event: PictureView.Turned) -> None:
        event.stop()
        self._fit()

    def on_picture_view_shown(self, event: PictureView.Shown) -> None:
        event.stop()
        sheet = event.draw
        if self._sheet is None or not isinstance(sheet, _Sheet):
            return
        arrangement = sheet.arrangement(event.scale) if event.scale else None
        self.arrangement = arrangement
        if arrangement is None:
            self._put_words("too small to show samples")
            return
        hidden = len(sheet.images) - arrangement.shown
        subtitle = f"{arrangement.shown} of {len(sheet.images)}" if hidden else ""
        if self.border_subtitle != subtitle:
            self.border_subtitle = subtitle
        self.query_one("#pane-words").display = False
        self._put_title(sheet.title)

    def _put_title(self, title: Title) -> None:
        if title and self.border_title != title:
            self.border_title = title
        self.post_message(self.Arranged(self, title))

    def on_picture_view_failed(self, event: PictureView.Failed) -> None:
        event.stop()
        self.say(f"these samples cannot be shown: {event.error}")

    def _put_words(self, words: str) -> None:
        self.query_one(PictureView).clear()
        said = self.query_one("#pane-words", Words)
        said.update(words)
        said.display = True
