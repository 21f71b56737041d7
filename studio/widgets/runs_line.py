"""The line below the list of runs: the filter while there is one, and what the list shows."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from studio.widgets.words import Words


class FilterInput(Input):
    """Enter and down go back to the list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "To the list"),
        Binding("down", "submit", show=False),
    ]


class RunsLine(Horizontal):
    """Closed it shows words alone; open, a filter in front of them."""

    DEFAULT_CSS = """
    RunsLine {
        height: 1;
        margin: 0 1;
        & > #filter-sign { width: 2; color: $accent; text-style: bold; }
        & > #filter { width: 1fr; background: $background; }
        & > #runs-words { width: auto; max-width: 70%; color: $muted; text-wrap: nowrap; text-overflow: ellipsis; }
        & > #runs-words.-problem { color: $warning; }
        &.-closed > #filter, &.-closed > #filter-sign { display: none; }
        &.-closed > #runs-words { max-width: 100%; }
    }
    """

    def __init__(self) -> None:
        super().__init__(classes="-closed")

    def compose(self) -> ComposeResult:
        yield Static("/", id="filter-sign")
        yield FilterInput(
            placeholder="words, globs, state:running data:mnist tag:best", id="filter", compact=True
        )
        yield Words("", id="runs-words", markup=False)

    @property
    def is_open(self) -> bool:
        return not self.has_class("-closed")

    def open(self) -> None:
        """Let a filter be typed."""
        self.remove_class("-closed")
        self.query_one(FilterInput).focus()

    def close(self) -> None:
        """Take the filter away."""
        self.query_one(FilterInput).value = ""
        self.add_class("-closed")

    def say(self, words: str, problem: str) -> None:
        """What the list shows, or what of the filter was not understood."""
        shown = self.query_one("#runs-words", Words)
        shown.update(problem or words)
        shown.set_class(bool(problem), "-problem")
