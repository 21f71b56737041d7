"""Small figures with their names: what a person glances at."""

from textual.app import ComposeResult
from textual.containers import Grid
from textual.content import Content
from textual.widgets import Static


class Tile(Static):
    """One figure: its name dim above, its value bright below."""

    def __init__(self, name: str, id: str) -> None:
        super().__init__(id=id)
        self._title = name
        self._content = Content()

    def on_mount(self) -> None:
        self.show("–")

    def show(self, figure: str, note: str = "", name: str = "") -> None:
        """Show a value, a dim note behind it, and where it changes, another name."""
        content = Content.assemble(
            (name or self._title, "$text-muted"),
            "\n",
            (figure, "bold"),
            (f" {note}" if note else "", "$text-muted"),
        )
        if content != self._content:
            self._content = content
            self.update(content)


class Tiles(Grid):
    """A grid of tiles."""

    def __init__(self, names: dict[str, str], id: str | None = None) -> None:
        """``names`` maps widget ids to the names shown."""
        super().__init__(id=id)
        self._names = names

    def compose(self) -> ComposeResult:
        for id, name in self._names.items():
            yield Tile(name, id)

    def show(self, id: str, figure: str, note: str = "", name: str = "") -> None:
        self.query_one(f"#{id}", Tile).show(figure, note, name)
