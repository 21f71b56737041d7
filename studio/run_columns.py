"""The columns of the list of runs: which fit into a width, and what each says of a run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from studio import figures
from studio.run_state import LOOKS
from studio.run_summaries import RunSummary
from studio.sparkline import sparkline

Key = Literal["name", "state", "source", "step", "losses", "loss", "img_per_s", "tags", "changed"]
GAP = 1
LONGEST_NAME, SHORTEST_NAME = 40, 14
LONGEST_CURVE = 16


@dataclass(frozen=True)
class Column:
    """``rank``: those of low rank stay where there is little room. The name takes what the others leave."""

    key: Key
    label: str
    width: int
    rank: int
    right: bool = False


COLUMNS = (
    Column("name", "Run", SHORTEST_NAME, 0),
    Column("state", "State", 11, 0),
    Column("step", "Step", 11, 1, right=True),
    Column("losses", "Curve", 8, 4),
    Column("loss", "Loss", 7, 1, right=True),
    Column("img_per_s", "img/s", 6, 5, right=True),
    Column("source", "Data set", 10, 2),
    Column("changed", "Age", 8, 3, right=True),
    Column("tags", "Tags", 14, 6),
)


def columns_for(width: int, longest_name: int) -> list[Column]:
    """The columns that fit into ``width`` characters, in their order.

    What is left over goes to the name, as far as the longest needs it, and then to the curve.
    """
    chosen: list[Column] = []
    for column in sorted(COLUMNS, key=lambda column: column.rank):
        if column.rank > 0 and _width([*chosen, column]) > width:
            break
        chosen.append(column)
    spare = max(0, width - _width(chosen))
    for_name = max(0, min(spare, min(LONGEST_NAME, longest_name) - SHORTEST_NAME))
    more = {"name": for_name, "losses": min(spare - for_name, LONGEST_CURVE - 8)}
    return [
        replace(column, width=column.width + more.get(column.key, 0))
        for column in COLUMNS
        if column in chosen
    ]


def _width(columns: Sequence[Column]) -> int:
    return sum(column.width + GAP for column in columns) - GAP


def cell(summary: RunSummary, column: Column) -> str:
    """What a column says of a run, in at most its width."""
    text = _text(summary, column)
    return text if column.key == "losses" else figures.shortened(text, column.width)


def _text(summary: RunSummary, column: Column) -> str:
    details = summary.details
    match column.key:
        case "name":
            return summary.name
        case "state":
            look = LOOKS[summary.state]
            return f"{look.glyph} {look.word}"
        case "step":
            return f"{figures.short_count(summary.step)}/{figures.short_count(summary.steps)}"
        case "changed":
            return figures.age(summary.changed).removesuffix(" ago").replace("just now", "now")
    if details is None:
        return "…" if column.key == "source" else ""
    match column.key:
        case "source":
            return details.source
        case "losses":
            return sparkline(details.losses, column.width)
        case "loss":
            return figures.loss(details.loss)
        case "img_per_s":
            return figures.rate(details.img_per_s)
        case "tags":
            return " ".join(f"#{tag}" for tag in details.tags)


def column_at(columns: Sequence[Column], x: int) -> Column | None:
    """The column at a character of the line."""
    start = 0
    for column in columns:
        if start <= x < start + column.width:
            return column
        start += column.width + GAP
    return None
