"""A table of runs side by side: how far each is, and the fields of the recipe that are not the same in all."""

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import ScrollableContainer
from textual.content import Content

from studio import figures
from studio.compare_view import ComparedRun, CompareView
from studio.run_state import LOOKS
from studio.widgets.words import Words

GAP = 2
LONGEST_FIELD = 26
SHORTEST_VALUE, LONGEST_VALUE = 11, 24

Cell = tuple[str, str]  # words and style


class CompareTable(ScrollableContainer):
    """A column for each run; call ``show`` when something of them may have changed."""

    def compose(self) -> ComposeResult:
        yield Words("", id="compare-cells")

    def show(self, view: CompareView) -> None:
        """Show the runs as they are now."""
        width = self.scrollable_content_region.width
        if width:
            self.query_one(Words).update(table(view, width))


def table(view: CompareView, width: int) -> Content:
    """The table, in lines of at most ``width`` characters unless its columns would be too narrow to read."""
    rows = _rows(view)
    field_width = min(LONGEST_FIELD, max(len(field) for field, _ in rows))
    room = (width - field_width) // len(view.runs) - GAP
    longest = max(len(words) for _, cells in rows for words, _ in cells)
    value_width = max(SHORTEST_VALUE, min(room, longest, LONGEST_VALUE))
    lines = [_line(field, cells, field_width, value_width) for field, cells in rows]
    if len(rows) == len(_FACTS):
        lines.append(Content.styled("The recipes are the same.", "$muted"))
    return Content("\n").join(lines)


def _rows(view: CompareView) -> list[tuple[str, list[Cell]]]:
    facts = [(name, [fact(run) for run in view.runs]) for name, fact in _FACTS.items()]
    return facts + [
        (difference.field, [(words, "") for words in difference.values]) for difference in view.differences
    ]


def _line(field: str, cells: list[Cell], field_width: int, value_width: int) -> Content:
    pieces = [(figures.shortened(field, field_width).ljust(field_width), "$muted")]
    for words, style in cells:
        # Of a state the glyph says enough where the word has no room.
        fitting = words[:1] if field == "state" and len(words) > value_width else words
        shown = figures.shortened(fitting, value_width).ljust(value_width)
        pieces += [(" " * GAP, ""), (shown, style)]
    return Content.assemble(*pieces)


def _name(run: ComparedRun) -> Cell:
    return f"{run.look.glyph} {run.run.name}", f"bold ${run.look.variable}"


def _state(run: ComparedRun) -> Cell:
    look = LOOKS[run.view.state]
    return f"{look.glyph} {look.word}", f"${look.variable}"


def _step(run: ComparedRun) -> Cell:
    return f"{figures.short_count(run.view.step)}/{figures.short_count(run.view.steps)}", ""


def _loss(run: ComparedRun) -> Cell:
    smooth = run.view.loss.smooth
    return figures.loss(float(smooth[-1]) if len(smooth) else None), ""


def _rate(run: ComparedRun) -> Cell:
    return figures.rate(run.view.figure("img_per_s")), ""


_FACTS: dict[str, Callable[[ComparedRun], Cell]] = {
    "": _name,
    "state": _state,
    "step": _step,
    "loss, averaged": _loss,
    "images/s": _rate,
}
