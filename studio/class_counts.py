"""How many images each class of a data set has, in words and bars."""

from collections.abc import Sequence

from textual.content import Content

from studio.figures import shortened
from studio.sparkline import BLOCKS

_LONGEST_NAME, _LONGEST_BAR = 14, 40


def class_words(counts: Sequence[int]) -> str:
    """Such as "10 classes of 174 to 183 images"; empty where there are none."""
    if not counts:
        return ""
    kinds = "1 class" if len(counts) == 1 else f"{len(counts)} classes"
    few, many = min(counts), max(counts)
    return f"{kinds} of {few:,} images" if few == many else f"{kinds} of {few:,} to {many:,} images"


def class_bars(names: Sequence[str], counts: Sequence[int], width: int, rows: int) -> Content:
    """A bar for each class: side by side in one line, or where ``rows`` allow a line for each.

    Of more classes than there are lines the largest are shown, largest first, and then how many are left out.
    """
    if not counts or max(counts) == 0:
        return Content("")
    if rows < min(len(counts), 6):
        return Content.styled(_side_by_side(counts, width), "$primary")
    chosen = list(range(len(counts)))
    if len(counts) > rows:
        chosen = sorted(chosen, key=lambda at: -counts[at])[: rows - 1]
    left_out = len(counts) - len(chosen)
    name_width = min(_LONGEST_NAME, max(len(names[at]) for at in chosen))
    count_width = max(len(f"{counts[at]:,}") for at in chosen)
    room = max(4, min(_LONGEST_BAR, width - name_width - count_width - 2))
    lines = []
    for at in chosen:
        full = max(1, round(counts[at] / max(counts) * room)) if counts[at] else 0
        name = shortened(names[at], name_width).ljust(name_width)
        bar = ("▇" * full).ljust(room)
        lines.append(Content.assemble(f"{name} ", (bar, "$primary"), f" {counts[at]:>{count_width},}\n"))
    if left_out:
        lines.append(Content.styled(f"… and {left_out} smaller ones\n", "$muted"))
    return Content.assemble(*lines)


def _side_by_side(counts: Sequence[int], width: int) -> str:
    """A block as high as its count for each class, as many as there is room for."""
    each = max(1, min(3, width // len(counts)))
    top = len(BLOCKS) - 1
    blocks = [BLOCKS[round(count / max(counts) * top)] if count else " " for count in counts[:width]]
    drawn = "".join((block * (each - 1) + " ") if each > 1 else block for block in blocks)
    return f"{drawn.rstrip()}{'…' if len(counts) > width else ''}\n"
