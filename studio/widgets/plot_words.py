"""The words on a plot: its legend, and what its lines are worth at the cursor."""

import math
from collections.abc import Sequence

from rich.style import Style

from studio import figures
from studio.plot_window import Range
from studio.widgets.canvas import Canvas
from studio.widgets.plot_frame import Frame
from studio.widgets.plot_lines import Line

Piece = tuple[str, Style]


def legend(lines: Sequence[Line], inks: Sequence[Style], width: int, ascii_only: bool) -> list[Piece]:
    """Glyph and name of each line, names shortened so that all of them find room."""
    room = max(2, width // max(1, len(lines)) - 4)
    return [
        (f"{line.glyph(ascii_only)} {figures.shortened(line.label, room)}  ", ink)
        for line, ink in zip(lines, inks, strict=True)
    ]


def readout(
    lines: Sequence[Line],
    inks: Sequence[Style],
    plain: Style,
    x: float,
    unit: str,
    width: int,
    ascii_only: bool,
) -> list[Piece]:
    """x, and the value of each line at its point nearest to x; with its name where there is room for it."""
    pieces = [(f" {x_words(x, unit)} ", plain)]
    room = (width - len(pieces[0][0])) // len(lines) - 11
    for line, ink in zip(lines, inks, strict=True):
        index = line.series.nearest(x)
        if index is None:
            continue
        value, smooth = float(line.series.y[index]), float(line.series.smooth[index])
        if len(lines) == 1:
            pieces.append((f" {line.label} {value_words(value)} ", ink))
            if line.smooth:
                pieces.append((f" average {value_words(smooth)} ", ink))
            continue
        name = f" {figures.shortened(line.label, room)}" if room >= min(4, len(line.label)) else ""
        pieces.append(
            (f" {line.glyph(ascii_only)}{name} {value_words(smooth if line.smooth else value)} ", ink)
        )
    return pieces


def x_words(x: float, unit: str) -> str:
    """A place on the x axis with its unit: minutes with a decimal, what is counted in whole numbers."""
    return f"{x:,.1f} {unit}" if unit == "minutes" else f"{x:,.0f} {unit}"


def value_words(value: float) -> str:
    """A value in four digits that matter."""
    return f"{value:.4g}" if math.isfinite(value) else "?"


def in_ascii(pieces: Sequence[Piece]) -> list[Piece]:
    """The same words where only ASCII is shown: names of runs may hold more."""
    return [(text.encode("ascii", "replace").decode(), style) for text, style in pieces]


def place(canvas: Canvas, row: int, columns: Range, pieces: Sequence[Piece], *, at_right: bool) -> None:
    """Write pieces one after another between two columns, cut off where the room ends."""
    first, end = round(columns[0]), round(columns[1])
    length = sum(len(text) for text, _ in pieces)
    column = max(first, end - length) if at_right else first
    for text, style in pieces:
        canvas.text(row, column, text[: end - column], style)
        column += len(text)


def draw_cursor(canvas: Canvas, frame: Frame, column: int, style: Style, ascii_only: bool) -> None:
    """An upright line through a column of cells; what is drawn there stays and is lit up."""
    upright = "|" if ascii_only else "│"
    for row in range(frame.top, frame.top + frame.rows):
        there = upright if canvas.is_blank(row, column) else chr(canvas.codes[row, column])
        canvas.text(row, column, there, style)
