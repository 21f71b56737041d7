"""The line on top: where one is, and on the right what is being trained meanwhile."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from studio.run_state import LOOKS, SeenState


class TitleBar(Horizontal):
    DEFAULT_CSS = """
    TitleBar {
        dock: top; height: 1; background: $panel; padding: 0 1;
        & > #place { width: 1fr; text-style: bold; text-wrap: nowrap; text-overflow: ellipsis; }
        & > #aside { width: auto; text-wrap: nowrap; }
    }
    """

    def __init__(self, place: str) -> None:
        super().__init__()
        self._place = place

    def compose(self) -> ComposeResult:
        yield Static(self._path(self._place), id="place")
        yield Static("", id="aside")

    def show_place(self, place: str) -> None:
        self.query_one("#place", Static).update(self._path(place))

    def show_aside(self, content: Content) -> None:
        self.query_one("#aside", Static).update(content)

    @staticmethod
    def _path(place: str) -> Content:
        return Content.assemble(("ddpm-studio", "$primary bold"), (" › ", "$muted"), (place, "bold"))


def state_content(state: SeenState) -> Content:
    """A state with its glyph in its colour."""
    look = LOOKS[state]
    return Content.styled(f"{look.glyph} {look.word}", f"${look.variable}")
