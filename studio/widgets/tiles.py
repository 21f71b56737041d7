"""Small figures with their names: what a person glances at."""

from textual.app import ComposeResult
from textual.containers import Grid
from textual.content import Content
from textual.widgets import Static


class Tile(Static):
    """One figure: its name dim above, its value bright below, and a note where there is room for it."""

    def __init__(self, name: str, id: str) -> None:
        super().__init__(id=id)
        self._title = name
        self._shown = (name, "–", "", "")

    def on_mount(self) -> None:
        self._write()

    def on_resize(self) -> None:
        self._write()

    def show(self, figure: str, note: str = "", *, long_note: str = "", name: str = "") -> None:
        """Show a value, a note behind it (the long one where it fits), and where it changes, another name."""
        shown = (name or self._title, figure, note, long_note)
        if shown != self._shown:
            self._shown = shown
            self._write()

    def _write(self) -> None:
        name, figure, note, long_note = self._shown
        room = self.size.width - len(figure) - 1
        fitting = next((text for text in (long_note, note) if text and len(text) <= room), "")
        text = Content.assemble((name, "$muted"), "\n", (figure, "bold"), (f" {fitting}", "$muted"))
        self.update(text, layout=False)  # its room is the grid's to give, whatever it says


class Tiles(Grid):
    """A grid of tiles."""

    def __init__(self, names: dict[str, str], id: str | None = None) -> None:
        """``names`` maps widget ids to the names shown."""
        super().__init__(id=id)
        self._names = names

    def compose(self) -> ComposeResult:
        for id, name in self._names.items():
            yield Tile(name, id)

    def tile(self, id: str) -> Tile:
        return self.query_one(f"#{id}", Tile)
