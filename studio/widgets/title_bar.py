"""The line on top: where one is, and on the right what is being trained meanwhile."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content

from studio import figures
from studio.run_state import LOOKS, SeenState
from studio.widgets.words import Words

_APP, _ARROW = "ddpm-studio", " › "
_SHORTEST_NAME = 8


class Place(Words):
    """The app, a name, and what follows it; of a name too long for the line the middle is left out."""

    def __init__(self, name: str, after: str) -> None:
        super().__init__(id="place")
        self._shown = (name, after)

    def on_mount(self) -> None:
        self._write()

    def on_resize(self) -> None:
        self._write()

    def show(self, name: str, after: str = "") -> None:
        self._shown = (name, after)
        self._write()

    def _write(self) -> None:
        name, after = self._shown
        room = self.size.width - len(_APP) - len(_ARROW) - len(after)
        name = figures.shortened(name, max(_SHORTEST_NAME, room))
        path = Content.assemble((_APP, "$primary bold"), (_ARROW, "$muted"), (f"{name}{after}", "bold"))
        self.update(path, layout=False)


class TitleBar(Horizontal):
    DEFAULT_CSS = """
    TitleBar {
        dock: top; height: 1; background: $panel; padding: 0 1;
        & > #place { width: 1fr; text-style: bold; text-wrap: nowrap; text-overflow: ellipsis; }
        & > #aside { width: auto; margin-left: 1; text-wrap: nowrap; }
    }
    """

    def __init__(self, name: str, after: str = "") -> None:
        super().__init__()
        self._place = Place(name, after)

    def compose(self) -> ComposeResult:
        yield self._place
        yield Words("", id="aside")

    def show_place(self, name: str, after: str = "") -> None:
        self._place.show(name, after)

    def show_aside(self, content: Content) -> None:
        self.query_one("#aside", Words).update(content)


def state_content(state: SeenState) -> Content:
    """A state with its glyph in its colour."""
    look = LOOKS[state]
    return Content.styled(f"{look.glyph} {look.word}", f"${look.variable}")
