"""Draws lines, marks and axes onto a canvas. Knows no widget: what it is given is all that it looks at."""

from dataclasses import dataclass

import numpy as np
from rich.style import Style

from studio.growing import Floats
from studio.plot_window import Range
from studio.store import Columns
from studio.widgets.axis import linear_ticks, log_ticks, tick_texts
from studio.widgets.braille import ASCII, BRAILLE, Board, DotSet
from studio.widgets.canvas import Canvas
from studio.widgets.plot_frame import LABEL_WIDTH, Frame, fitting_scale
from studio.widgets.plot_lines import Line, Mark

WIDEST_LABEL = 10
# So many columns lie between two glyphs on a line that shares the plot with others.
GLYPH_DISTANCE = 24


@dataclass(frozen=True)
class Inks:
    """The styles of a plot; ``bands`` and ``lines`` one for each line, as the theme and NO_COLOR have it."""

    axis: Style
    mark: Style
    event: Style
    bands: tuple[Style, ...]
    lines: tuple[Style, ...]


@dataclass(frozen=True)
class Request:
    """What to draw: lines that have points, the range of x, the room in cells, and how."""

    lines: tuple[Line, ...]
    marks: tuple[Mark, ...]
    shown: Range
    width: int
    height: int
    log: bool
    unit: str
    ascii_only: bool

    @property
    def dots(self) -> DotSet:
        return ASCII if self.ascii_only else BRAILLE

    @property
    def has_legend(self) -> bool:
        return len(self.lines) > 1 and self.height >= 5


def draw(request: Request, inks: Inks) -> tuple[Canvas, Frame]:
    """The picture, and where on it numbers lie. The room must be at least 15 x 3 cells."""
    frame, pieces = _frame(request, LABEL_WIDTH)
    labels = _y_labels(frame)
    if (width := max(map(len, labels.values()), default=0) + 1) > LABEL_WIDTH:
        frame, pieces = _frame(request, min(width, WIDEST_LABEL))
        labels = _y_labels(frame)
    canvas = Canvas(request.width, request.height)
    _draw_bands(canvas, frame, request, pieces, inks)
    for number in reversed(range(len(request.lines))):
        _draw_line(canvas, frame, request, number, pieces[number], inks)
    _draw_marks(canvas, frame, request, inks)
    _draw_y_axis(canvas, frame, labels, request.ascii_only, inks)
    _draw_x_axis(canvas, frame, request.unit, inks)
    return canvas, frame


def _frame(request: Request, left: int) -> tuple[Frame, list[Columns]]:
    """Where everything lies, and the columns of each line."""
    columns, top = request.width - left, int(request.has_legend)
    pieces = [line.columns(*request.shown, columns * request.dots.columns) for line in request.lines]
    drawn = [piece.line for piece in pieces]
    bands = [
        band
        for line, piece in zip(request.lines, pieces, strict=True)
        for band in (piece.low, piece.high)
        if line.band
    ]
    scale = fitting_scale(np.concatenate([*drawn, *bands]), request.log)
    return Frame(top, left, request.height - 1 - top, columns, *request.shown, scale), pieces


def _draw_bands(canvas: Canvas, frame: Frame, request: Request, pieces: list[Columns], inks: Inks) -> None:
    for line, columns, ink in zip(request.lines, pieces, inks.bands, strict=True):
        if line.band:
            board = Board(frame.columns, frame.rows, request.dots)
            low, high = _level(frame, request, columns.low), _level(frame, request, columns.high)
            board.bars(low, high)
            _join(board, frame, request, line, columns, (low + high) / 2, line.series.y)
            canvas.cells(frame.top, frame.left, board.cells(), ink)


def _draw_line(
    canvas: Canvas, frame: Frame, request: Request, number: int, columns: Columns, inks: Inks
) -> None:
    line, ink = request.lines[number], inks.lines[number]
    level = _level(frame, request, columns.line)
    board = Board(frame.columns, frame.rows, request.dots)
    _join(board, frame, request, line, columns, level, line.series.smooth if line.smooth else line.series.y)
    cells = board.cells()
    glyph = line.glyph(request.ascii_only)
    if request.ascii_only:
        cells = np.where(cells != ord(" "), ord(glyph), cells)
    canvas.cells(frame.top, frame.left, cells, ink)
    if len(request.lines) > 1 and not request.ascii_only:
        _draw_glyphs(canvas, frame, request, level, glyph, 4 + 3 * number, ink)


def _draw_glyphs(
    canvas: Canvas, frame: Frame, request: Request, level: Floats, glyph: str, start: int, ink: Style
) -> None:
    """The glyph of a line on it, here and there: what tells it from others where colours do not."""
    dots = request.dots
    for column in range(start, frame.columns, GLYPH_DISTANCE):
        there = level[column * dots.columns]
        if np.isfinite(there):
            row = frame.top + frame.rows - 1 - int(there // dots.rows)
            canvas.text(row, frame.left + column, glyph, ink)


def _level(frame: Frame, request: Request, values: Floats) -> Floats:
    return frame.level(values, request.dots.rows)


def _join(
    board: Board, frame: Frame, request: Request, line: Line, columns: Columns, level: Floats, values: Floats
) -> None:
    """A line through the levels of all columns, from and to the nearest of its values outside the window."""
    series, x_per_dot = line.series, frame.x_per_column / request.dots.columns
    start, end = (
        np.searchsorted(series.x, frame.first, "left"),
        np.searchsorted(series.x, frame.last, "right"),
    )
    before, after = series.curve.known_around(int(start))[0], series.curve.known_around(int(end))[1]
    position, breaks = np.arange(len(level), dtype=np.float64), columns.missing.copy()
    if before is not None:
        position = np.insert(position, 0, (series.x[before] - frame.first) / x_per_dot)
        level = np.insert(level, 0, _level(frame, request, values[before : before + 1]))
        breaks[0] |= before < start - 1
        breaks = np.insert(breaks, 0, False)
    if after is not None:
        position = np.append(position, (series.x[after] - frame.first) / x_per_dot)
        level = np.append(level, _level(frame, request, values[after : after + 1]))
        breaks = np.append(breaks, after > end)
    board.line(position, level, breaks)


def _draw_marks(canvas: Canvas, frame: Frame, request: Request, inks: Inks) -> None:
    """Marks at every height first, so that those on a curve stay whole; one where several fall together."""
    taken: set[tuple[int, int]] = set()
    for mark in sorted(request.marks, key=lambda mark: mark.y is not None):
        column = frame.column(mark.x)
        row = frame.top if mark.y is None else frame.row(mark.y)
        if column is None or (row, column) in taken:
            continue
        taken.add((row, column))
        if mark.y is None:
            _draw_upright(canvas, frame, column, request, inks.event)
        canvas.text(
            row, column, mark.glyph_for(request.ascii_only), inks.event if mark.y is None else inks.mark
        )


def _draw_upright(canvas: Canvas, frame: Frame, column: int, request: Request, ink: Style) -> None:
    for row in range(frame.top, frame.top + frame.rows):
        if canvas.is_blank(row, column):
            canvas.text(row, column, ":" if request.ascii_only else "┊", ink)


def _y_labels(frame: Frame) -> dict[int, str]:
    """The texts of the y axis by row of the widget."""
    scale = frame.scale
    most = max(3, frame.rows // 2)
    ticks = (log_ticks if scale.log else linear_ticks)(scale.low, scale.high, most)
    labels: dict[int, str] = {}
    for tick, text in zip(ticks, tick_texts(ticks, WIDEST_LABEL - 1), strict=True):
        labels.setdefault(frame.row(tick), text)
    return labels


def _draw_y_axis(canvas: Canvas, frame: Frame, labels: dict[int, str], ascii_only: bool, inks: Inks) -> None:
    tick, line = "+|" if ascii_only else "┤│"
    for row in range(frame.top, frame.top + frame.rows):
        label = labels.get(row, "")
        canvas.text(row, 0, f"{label:>{frame.left - 1}}{tick if label else line}", inks.axis)


def _draw_x_axis(canvas: Canvas, frame: Frame, unit: str, inks: Inks) -> None:
    row = frame.top + frame.rows
    # The unit stands at the right end, and no number is written into it.
    room = frame.left + frame.columns - (len(unit) + 2 if frame.columns >= 4 * len(unit) else 0)
    if room < frame.left + frame.columns:
        canvas.text(row, room + 2, unit, inks.axis)
    ticks = linear_ticks(frame.first, frame.last, max(1, frame.columns // 11)) or [frame.first]
    taken = -1
    for tick, label in zip(ticks, tick_texts(ticks, 10), strict=True):
        share = (tick - frame.first) / (frame.last - frame.first)
        start = max(frame.left + round(share * (frame.columns - 1)) - len(label) // 2, 0)
        if start > taken and start + len(label) <= room:
            canvas.text(row, start, label, inks.axis)
            taken = start + len(label)
