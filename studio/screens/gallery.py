"""What was drawn from a run and saved, to look at and to go on from."""

import asyncio
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ddpm.errors import DDPMError
from ddpm.runs import Run
from studio import figures
from studio.action import Place
from studio.actions import bindings, window_bindings
from studio.gallery import SavedDrawing, images_of, saved_drawings
from studio.screens.window import StudioWindow
from studio.terminal import Pictures
from studio.widgets.key_line import KeyLine
from studio.widgets.preview import SamplePane
from studio.widgets.words import Words

if TYPE_CHECKING:
    from studio.frames import Pixels


class DrawingsList(OptionList):
    """A list of which the footer says what enter does."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("drawings")


class GalleryDialog(StudioWindow[SavedDrawing | None]):
    """Gives the drawing that was chosen; escape is none."""

    place: ClassVar[Place] = "gallery"
    BINDINGS: ClassVar[list[BindingType]] = window_bindings("gallery")

    def __init__(self, run: Run, pictures: Pictures) -> None:
        super().__init__()
        self._run, self._pictures = run, pictures
        self._drawings: list[SavedDrawing] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="gallery"):
            yield Static(Content.styled(f"Drawn from {self._run.name}", "bold"))
            with Horizontal():
                yield DrawingsList(id="gallery-list")
                yield SamplePane(self._pictures, empty="", id="gallery-images")
            yield Words("", id="gallery-words", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()
        self._read()

    @work(exit_on_error=False)
    async def _read(self) -> None:
        self._drawings = await asyncio.to_thread(saved_drawings, self._run)
        if not self._drawings:
            self._say("Nothing was saved yet: draw images, then press w.")
        self.query_one(OptionList).add_options(
            Option(Text.assemble(f"{drawing.name}  ", (figures.age(drawing.time), "dim"), no_wrap=True))
            for drawing in self._drawings
        )
        self.query_one(OptionList).highlighted = 0 if self._drawings else None

    def _say(self, words: str) -> None:
        self.query_one("#gallery-words", Words).update(words)

    @property
    def _chosen(self) -> SavedDrawing | None:
        at = self.query_one(OptionList).highlighted
        return None if at is None else self._drawings[at]

    def on_option_list_option_highlighted(self) -> None:
        self._look()

    @work(group="look", exclusive=True, exit_on_error=False)
    async def _look(self) -> None:
        if chosen := self._chosen:
            self._say(chosen.about)
            found = await asyncio.to_thread(_images_or_problem, chosen)
            pane = self.query_one(SamplePane)
            if isinstance(found, str):
                pane.say(found)
            else:
                pane.show(found)

    def on_option_list_option_selected(self) -> None:
        self.dismiss(self._chosen)


def _images_or_problem(drawing: SavedDrawing) -> "Pixels | str":
    try:
        return images_of(drawing)
    except DDPMError as error:
        return str(error)
