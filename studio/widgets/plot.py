"""Curves in braille dots, with a window that zooms and pans and a cursor that reads values off."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.color import Color
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from studio.actions import bindings
from studio.plot_window import PlotWindow, Range
from studio.widgets.canvas import Canvas
from studio.widgets.plot_frame import Frame
from studio.widgets.plot_lines import Line, Mark
from studio.widgets.plot_picture import Inks, Request, draw
from studio.widgets.plot_words import draw_cursor, in_ascii, legend, place, readout

# While nobody touches it: a plot is most of what the app sends, and some terminals are far away.
REDRAW_SECONDS = 0.5
ZOOM = 0.5
PAN = 0.25
SMALLEST = (15, 3)
# So many points stay in the narrowest window, on average.
FEWEST_POINTS = 10


class Plot(Widget, can_focus=True):
    """Plots series that are updated in place; call ``redraw`` after they have changed."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("plot")
    COMPONENT_CLASSES = {  # noqa: RUF012
        "plot--raw", "plot--smooth", "plot--axis", "plot--empty", "plot--cursor", "plot--mark", "plot--event",
    }  # fmt: skip
    DEFAULT_CSS = """
    Plot {
        .plot--raw { color: $primary 55%; }
        .plot--smooth { color: $accent; text-style: bold; }
        .plot--axis { color: $foreground 55%; }
        .plot--empty { color: $foreground 55%; text-style: italic; }
        .plot--cursor { color: $foreground; text-style: bold; }
        .plot--mark { color: $text-error; text-style: bold; }
        .plot--event { color: $foreground 45%; }
    }
    """

    log_axis: reactive[bool] = reactive(True)
    ascii_only: reactive[bool] = reactive(False)

    @dataclass
    class Framed(Message):
        """The plot was drawn with another window, scale or place for its axes."""

        plot: "Plot"
        frame: Frame

        @property
        def control(self) -> "Plot":
            return self.plot

    def __init__(
        self,
        lines: Sequence[Line] = (),
        *,
        unit: str = "steps",
        empty: str = "nothing to plot yet",
        id: str | None = None,
    ) -> None:
        """``unit``: the name of what x counts. ``empty``: words for a plot without points."""
        super().__init__(id=id)
        self.lines, self.unit, self.empty = tuple(lines), unit, empty
        self.marks: tuple[Mark, ...] = ()
        self.window = PlotWindow()
        self.cursor: float | None = None
        self.frame: Frame | None = None
        self._drawn: tuple[Canvas, Inks, tuple[Line, ...]] | None = None
        self._strips: list[Strip] = []
        self._drawn_for: tuple[object, ...] = ()
        self._drawn_at = -REDRAW_SECONDS
        self._waiting: Timer | None = None
        self._dragged: tuple[int, PlotWindow] | None = None

    # What is shown

    def show(self, lines: Sequence[Line], *, unit: str = "steps", marks: Sequence[Mark] = ()) -> None:
        """Show other lines or marks at once. A window and a cursor stay where they are unless x counts otherwise."""
        if unit != self.unit:
            self.window, self.cursor = PlotWindow(), None
        self.lines, self.unit, self.marks = tuple(lines), unit, tuple(marks)
        self._draw_anew()

    def redraw(self) -> None:
        """Draw the series as they are now, or half a second after they were drawn last."""
        wait = self._drawn_at + REDRAW_SECONDS - time.monotonic()
        if wait <= 0:
            self._draw_anew()
        elif self._waiting is None:
            self._waiting = self.set_timer(wait, self._draw_anew)

    def _draw_anew(self) -> None:
        if self._waiting is not None:
            self._waiting.stop()
            self._waiting = None
        self._drawn_for = ()
        self.refresh()

    def watch_log_axis(self) -> None:
        self._draw_anew()

    def on_mount(self) -> None:
        # The class that the app has where it is to draw in ASCII.
        self.ascii_only = self.ascii_only or self.app.has_class("-ascii")

    def watch_ascii_only(self) -> None:
        self._draw_anew()

    def render_line(self, y: int) -> Strip:
        # Not before: what is hidden is not asked for its lines, and then costs nothing.
        self.draw_if_old()
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.rich_style)

    def draw_if_old(self) -> Frame | None:
        """Draw now what the next painting would draw, for who paints something in line with it: its frame."""
        drawn_for = (self.size, self.app.theme, self.visual_style)
        if self._drawn_for != drawn_for:
            self._drawn_for, self._drawn_at = drawn_for, time.monotonic()
            self._draw()
        return self.frame

    def _draw(self) -> None:
        width, height = self.size
        lines = self._lines_with_points()
        self._drawn, frame = None, None
        if width < SMALLEST[0] or height < SMALLEST[1]:
            self._strips = [self._words("too small to plot", width)]
        elif not lines:
            blank = Strip.blank(width, self.rich_style)
            self._strips = [*[blank] * (height // 2), self._words(self.empty, width)]
        else:
            request = Request(
                lines, self.marks, self.window.within(_whole(lines)), width, height, self.log_axis, self.unit,
                self.ascii_only,
            )  # fmt: skip
            inks = self._inks(lines)
            canvas, frame = draw(request, inks)
            self._drawn = canvas, inks, lines
        if frame is not None and frame != self.frame:
            self.post_message(self.Framed(self, frame))
        self.frame = frame
        self._write_words()

    def _write_words(self) -> None:
        """Finish the picture with what the cursor changes."""
        if self._drawn is None or self.frame is None:
            return
        drawn, inks, lines = self._drawn
        canvas, frame = drawn.copy(), self.frame
        column = None if self.cursor is None else frame.column(self.cursor)
        body = (frame.left, frame.left + frame.columns)
        if self.cursor is not None and column is not None:
            style = self.get_component_rich_style("plot--cursor")
            draw_cursor(canvas, frame, column, style, self.ascii_only)
            pieces = readout(lines, inks.lines, style, self.cursor, self.unit, frame.columns, self.ascii_only)
            here = [mark for mark in self.marks if frame.column(mark.x) == column][:2]
            pieces += [(f" {mark.glyph_for(self.ascii_only)} {mark.words} ", style) for mark in here]
        else:
            pieces = legend(lines, inks.lines, frame.columns, self.ascii_only) if frame.top else []
        # Where it lies over the curve, on the other side of the cursor.
        at_right = frame.top == 0 and column is not None and column < sum(body) / 2
        place(canvas, 0, body, in_ascii(pieces) if self.ascii_only else pieces, at_right=at_right)
        self._strips = canvas.strips(self.rich_style)

    def _lines_with_points(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.series.curve.has_numbers)

    def _inks(self, lines: Sequence[Line]) -> Inks:
        named = self.get_component_rich_style
        ground = self.background_colors[1]
        bands, fronts = [], []
        for line in lines:
            ink = line.color(self.app.theme_variables)
            if ink is None:
                bands.append(named("plot--raw"))
                fronts.append(named("plot--smooth"))
            else:
                color = Color.parse(ink)
                bands.append(Style(color=color.blend(ground, 0.55).rich_color))
                fronts.append(Style(color=color.rich_color, bold=True))
        return Inks(
            named("plot--axis"), named("plot--mark"), named("plot--event"), tuple(bands), tuple(fronts)
        )

    def _words(self, words: str, width: int) -> Strip:
        style = self.rich_style + self.get_component_rich_style("plot--empty")
        return Strip([Segment(words[:width].center(width), style)])

    # Where one looks

    @property
    def _shown(self) -> tuple[Frame, tuple[Line, ...], Range] | None:
        """The frame, the lines that have points now, and the range of them all; None while there is no picture."""
        lines = self._lines_with_points()
        return None if self.frame is None or not lines else (self.frame, lines, _whole(lines))

    def look(self, window: PlotWindow) -> None:
        """Show another part of the x axis at once."""
        if window != self.window:
            self.window = window
            self._draw_anew()

    def _zoom(self, factor: float, at: float | None = None) -> None:
        if self._shown is None:
            return
        frame, lines, whole = self._shown
        if at is None:
            # The end stays where it is while it is followed.
            following = self.window.last is None and not self.window.shows_everything
            middle = whole[1] if following else (frame.first + frame.last) / 2
            at = middle if self.cursor is None or frame.column(self.cursor) is None else self.cursor
        points = max(len(line.series) for line in lines)
        least = (whole[1] - whole[0]) * FEWEST_POINTS / points
        self.look(self.window.zoomed(factor, at, whole, least))

    def _pan(self, share: float) -> None:
        if self._shown is not None:
            self.look(self.window.panned(share, self._shown[2]))

    def action_zoom_in(self) -> None:
        self._zoom(ZOOM)

    def action_zoom_out(self) -> None:
        self._zoom(1 / ZOOM)

    def action_pan_left(self) -> None:
        self._pan(-PAN)

    def action_pan_right(self) -> None:
        self._pan(PAN)

    def action_show_start(self) -> None:
        if self._shown is not None:
            self.look(self.window.at_start(self._shown[2]))

    def action_follow(self) -> None:
        self.look(self.window.at_end())

    def action_show_everything(self) -> None:
        self.point_at(None)
        self.look(PlotWindow())

    # The cursor

    def point_at(self, x: float | None) -> None:
        """Put the cursor on x, or take it away; only what it changes is drawn again."""
        if x == self.cursor:
            return
        before, self.cursor = self.cursor, x
        if self.frame is None:
            return
        self._write_words()
        columns = [self.frame.column(at) for at in (before, x) if at is not None]
        changed = [Region(column, 0, 1, self.size.height) for column in columns if column is not None]
        self.refresh(Region(0, 0, self.size.width, 1), *changed)

    def action_inspect_left(self) -> None:
        self._move_cursor(-1)

    def action_inspect_right(self) -> None:
        self._move_cursor(1)

    def _move_cursor(self, columns: int) -> None:
        if self._shown is None:
            return
        frame, lines, whole = self._shown
        series = lines[0].series
        if self.cursor is None:
            at = series.nearest(frame.last)
            x = frame.last if at is None else float(series.x[at])
        else:
            x = series.beside(self.cursor, columns * frame.x_per_column)
        self.look(self.window.showing(x, whole))
        self.point_at(x)

    # The mouse

    def _column(self, event: events.MouseEvent) -> int:
        return event.get_content_offset_capture(self).x

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._zoom_at(event, ZOOM)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._zoom_at(event, 1 / ZOOM)

    def _zoom_at(self, event: events.MouseEvent, factor: float) -> None:
        if self._shown is not None:
            event.stop()
            self._zoom(factor, self._shown[0].x_at(self._column(event)))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._dragged = (self._column(event), self.window)
        self.capture_mouse()

    def on_mouse_up(self) -> None:
        self._dragged = None
        self.release_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._shown is None:
            return
        frame, lines, whole = self._shown
        column = self._column(event)
        if self._dragged is not None:
            start, window = self._dragged
            self.look(window.panned((start - column) / frame.columns, whole))
            return
        series = lines[0].series
        at = series.nearest(frame.x_at(column))
        x = None if at is None else float(series.x[at])
        self.point_at(x if x is not None and frame.column(x) is not None else None)

    def on_leave(self) -> None:
        self.point_at(None)


def _whole(lines: Sequence[Line]) -> Range:
    first = min(float(line.series.x[0]) for line in lines)
    return first, max(float(line.series.x[-1]) for line in lines)
