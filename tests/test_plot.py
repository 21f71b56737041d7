"""The braille plot: dots where the numbers are, labels that say so, words where there is nothing."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.events import MouseScrollUp
from textual.pilot import Pilot

from studio.store import Series
from studio.widgets.axis import linear_ticks, log_ticks, tick_text, tick_texts
from studio.widgets.braille import ASCII, BLANK, Board
from studio.widgets.plot import REDRAW_SECONDS, Plot
from studio.widgets.plot_lines import Line, Mark

Script = Callable[[Plot, Pilot[None]], Awaitable[None]]


def plotted(
    *series: Series,
    log: bool = False,
    size: tuple[int, int] = (40, 10),
    ascii_only: bool = False,
    marks: Sequence[Mark] = (),
    script: Script | None = None,
) -> list[str]:
    """The lines of a plot of the whole terminal, after ``script`` has been at it."""

    class OnePlot(App[None]):
        def compose(self) -> ComposeResult:
            plot = Plot()
            plot.log_axis, plot.ascii_only = log, ascii_only
            numbered = len(series) > 1
            plot.show(
                [Line(one, f"run-{at}", at if numbered else None) for at, one in enumerate(series)],
                marks=marks,
            )
            yield plot

    async def draw() -> list[str]:
        app = OnePlot()
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            plot = app.query_one(Plot)
            if script is not None:
                await script(plot, pilot)
                await pilot.pause()
            return [plot.render_line(y).text for y in range(plot.size.height)]

    return asyncio.run(draw())


def pressing(*keys: str) -> Script:
    async def script(plot: Plot, pilot: Pilot[None]) -> None:
        await pilot.press(*keys)

    return script


def series_of(y, x=None) -> Series:
    return Series.of(range(len(y)) if x is None else x, y)


def top_dot(lines: list[str], column: int) -> int | None:
    """The line of the topmost dots in a column of cells."""
    return next((row for row, line in enumerate(lines[:-1]) if 0x2800 < ord(line[column]) <= 0x28FF), None)


def test_a_falling_curve_falls_from_left_to_right():
    lines = plotted(series_of(np.linspace(10, 0, 200)))
    tops = [top_dot(lines, column) for column in range(8, 39)]
    assert None not in tops
    assert tops == sorted(tops)
    assert tops[0] <= 1
    assert tops[-1] >= 6


def test_the_labels_name_round_numbers_and_steps():
    lines = plotted(series_of(np.linspace(0, 100, 1001), x=range(0, 10_010, 10)))
    labels = {line[:6].strip() for line in lines[:-1]} - {""}
    assert labels <= {"0", "20", "40", "50", "60", "80", "100"}
    assert len(labels) >= 3
    assert "5000" in lines[-1]


def test_a_log_axis_gives_each_decade_the_same_room():
    lines = plotted(series_of(np.geomspace(1000, 0.1, 300)), log=True, size=(60, 21))
    rows = {line[:6].strip(): row for row, line in enumerate(lines[:-1])}
    assert abs((rows["1"] - rows["10"]) - (rows["10"] - rows["100"])) <= 1


def test_a_hole_in_the_data_is_a_hole_in_the_curve():
    y = np.ones(100)
    y[40:60] = np.nan
    lines = plotted(series_of(y))
    empty = [column for column in range(7, 40) if top_dot(lines, column) is None]
    assert empty
    assert all(7 + 33 * 0.35 < column < 7 + 33 * 0.65 for column in empty)


def test_few_points_are_joined_to_a_line():
    lines = plotted(series_of([3.0, 1.0, 2.0]))
    assert all(top_dot(lines, column) is not None for column in range(7, 40))


def test_nothing_to_plot_is_said_in_words():
    assert any("nothing to plot yet" in line for line in plotted(series_of([])))
    assert any("nothing to plot yet" in line for line in plotted(series_of([float("nan")] * 5)))


@pytest.mark.parametrize("y", [[5.0], [2.0, 2.0, 2.0], [0.0, 0.0], [-3.0, -4.0], [1e-300, 1e300]])
@pytest.mark.parametrize("log", [True, False])
def test_odd_series_are_plotted_without_complaint(y, log):
    lines = plotted(series_of(y), log=log)
    assert any(top_dot(lines, column) is not None for column in range(7, 40))


@pytest.mark.parametrize("size", [(1, 1), (8, 3), (14, 2), (15, 3), (200, 60)])
def test_every_size_is_filled_exactly(size):
    lines = plotted(series_of(np.arange(1, 50.0)), size=size)
    assert len(lines) == size[1]
    assert all(len(line) <= size[0] for line in lines)


def span(plot):
    """The part of x that it shows, whether or not that is painted by now."""
    frame = plot.draw_if_old()
    return frame.first, frame.last


def test_zooming_keeps_the_end_in_sight_and_panning_goes_back():
    long = series_of(np.linspace(1, 2, 10_000))

    async def script(plot, pilot):
        await pilot.press("plus", "plus")
        middle = plot.draw_if_old()
        assert middle.last - middle.first == pytest.approx(9999 / 4)
        await pilot.press("end")
        assert span(plot)[1] == 9999
        await pilot.press("comma")
        assert span(plot)[1] == pytest.approx(9999 - 9999 / 16)
        await pilot.press("home")
        assert span(plot)[0] == 0
        await pilot.press("minus", "minus")
        assert span(plot) == (0, 9999)
        await pilot.press("plus", "0")
        assert span(plot) == (0, 9999)

    plotted(long, script=script)


def test_a_zoomed_plot_that_follows_moves_with_the_run():
    growing = series_of(np.ones(1000))

    async def script(plot, pilot):
        await pilot.press("plus", "end")
        first, last = span(plot)
        growing.extend(range(1000, 1200), np.ones(200))
        plot.look(plot.window.at_start((0, 999)))
        assert span(plot)[0] == 0
        await pilot.press("end")
        assert span(plot) == (pytest.approx(1199 - (last - first)), 1199)

    plotted(growing, script=script)


def test_what_one_zooms_into_reaches_both_edges_of_the_plot():
    lines = plotted(series_of(np.linspace(1, 2, 40)), script=pressing("plus", "plus"))
    assert all(top_dot(lines, column) is not None for column in range(7, 40))


def test_the_cursor_reads_values_off():
    y = np.full(100, 4.0)
    y[98] = 7.5
    lines = plotted(series_of(y), size=(70, 10), script=pressing("left", "left"))
    assert "98 steps" in lines[0]
    assert "run-0 7.5" in lines[0]
    assert "average" in lines[0]


def test_the_cursor_visits_points_that_lie_far_apart_one_by_one():
    sparse = series_of([1.0, 2.0, 3.0], x=[0, 5000, 10_000])
    for presses, step in ((1, "10,000"), (2, "5,000"), (3, "0"), (4, "0")):
        assert f" {step} steps" in plotted(sparse, size=(70, 10), script=pressing(*["left"] * presses))[0]


def test_the_mouse_inspects_zooms_and_drags():
    async def script(plot, pilot):
        await pilot.hover(plot, offset=(20, 4))
        assert plot.frame.column(plot.cursor) == 20
        under = plot.cursor
        await pilot._post_mouse_events([MouseScrollUp], plot, offset=(20, 4))
        await pilot.pause()
        zoomed = plot.draw_if_old()
        assert zoomed.last - zoomed.first == pytest.approx(9999 / 2)
        assert abs(zoomed.x_at(20) - under) <= zoomed.x_per_column
        await pilot.mouse_down(plot, offset=(20, 4))
        await pilot.hover(plot, offset=(30, 4))
        await pilot.mouse_up(plot, offset=(30, 4))
        assert zoomed.first - span(plot)[0] == pytest.approx(10 * zoomed.x_per_column)

    plotted(series_of(np.ones(10_000)), script=script)


def test_several_lines_have_a_legend_and_glyphs_that_tell_them_apart():
    low, high = series_of(np.ones(500)), series_of(np.full(500, 9.0))
    lines = plotted(low, high, size=(60, 12))
    assert lines[0].split() == ["●", "run-0", "▲", "run-1"]
    assert next(row for row, line in enumerate(lines[1:]) if "▲" in line) < 3
    assert next(row for row, line in enumerate(lines[1:]) if "●" in line) > 7


def test_in_ascii_every_character_is_ascii():
    y = np.ones(100)
    y[40:60] = np.nan
    marks = [Mark(20, "▶", "resumed"), Mark(80, "▼", "spike", 1.0)]
    lines = plotted(
        series_of(y), series_of(y * 3), size=(60, 12), ascii_only=True, marks=marks, script=pressing("left")
    )
    text = "\n".join(lines)
    assert text.isascii()
    assert "o" in text
    assert "x" in text
    assert "!" in text


def test_marks_stand_where_they_happened_and_say_what_they_are():
    marks = [Mark(50, "▶", "resumed from 50"), Mark(98.5, "▼", "spike", 1.0)]
    lines = plotted(series_of(np.linspace(0, 1, 100)), size=(70, 12), marks=marks)
    middle = next(line.index("▶") for line in lines if "▶" in line)
    assert middle == 7 + int(63 * 50 / 99)
    assert sum("┊" in line for line in lines) >= 4
    assert "▼" in lines[0]
    # The cursor is on the last point, the spike in the same column.
    assert (
        "▼ spike" in plotted(series_of(np.ones(100)), size=(70, 12), marks=marks, script=pressing("left"))[0]
    )


def test_a_series_that_begins_again_leaves_a_plot_that_obeys():
    series = series_of(np.ones(100))

    async def script(plot, pilot):
        await pilot.press("plus", "left")
        series.clear()
        await pilot.press("plus", "left", "right", "home", "comma", "0")
        plot.show(plot.lines)

    assert any("nothing to plot yet" in line for line in plotted(series, script=script))


def test_untouched_it_is_drawn_at_most_twice_a_second():
    series = series_of([1.0, 2.0])

    async def script(plot, pilot):
        frames, started = [], time.monotonic()
        for step in range(2, 6):
            series.extend([step], [1.0])
            plot.redraw()
            await pilot.pause()
            frames.append(plot.frame.last)
        assert len(set(frames)) <= 1 + (time.monotonic() - started) / REDRAW_SECONDS
        while plot.frame.last != 5:
            await pilot.pause(0.05)

    plotted(series, script=script)


def test_nothing_is_drawn_while_it_is_hidden():
    series = series_of([1.0, 2.0])

    async def script(plot, pilot):
        plot.display = False
        await pilot.pause()
        series.extend([2], [3.0])
        plot.show(plot.lines)
        await pilot.pause()
        assert plot.frame.last == 1
        plot.display = True
        await pilot.pause()
        assert plot.frame.last == 2

    plotted(series, script=script)


def test_cells_are_the_right_braille():
    board = Board(1, 1)
    board.bars(np.array([0.0, 3.0]), np.array([0.0, 3.0]))
    assert chr(board.cells()[0, 0]) == "⡈"
    assert Board(2, 1).cells().tolist() == [[BLANK, BLANK]]
    plain = Board(3, 1, ASCII)
    plain.bars(np.array([0.0, 1.0, 0.0]), np.array([0.0, 1.0, 1.0]))
    assert "".join(map(chr, plain.cells()[0])) == ".':"


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(1, 12))
def test_linear_ticks_are_few_round_and_inside(low, span, most):
    ticks = linear_ticks(low, low + span, most)
    assert len(ticks) <= most
    slack = span * 1e-3 + abs(low) * 1e-9
    assert all(low - slack <= tick <= low + span + slack for tick in ticks)
    assert ticks == sorted(ticks)


@given(st.floats(1e-12, 1e6), st.floats(1.01, 1e9), st.integers(2, 12))
def test_log_ticks_are_inside_and_rise(low, ratio, most):
    ticks = log_ticks(low, low * ratio, most)
    assert len(ticks) <= most
    assert all(low * 0.99 <= tick <= low * ratio * 1.01 for tick in ticks)
    assert ticks == sorted(ticks)


@given(st.floats(-1e12, 1e12).filter(lambda value: value == 0 or abs(value) > 1e-9))
def test_tick_texts_fit_their_column(value):
    assert len(tick_text(float(f"{value:.2g}"))) <= 6


def test_tick_texts():
    assert [tick_text(value) for value in (0, 0.05, 1, 2500, 20_000, 3e6, 1e-5)] == [
        "0", "0.05", "1", "2500", "20k", "3M", "1e-5",
    ]  # fmt: skip


def test_ticks_that_lie_close_together_are_told_apart():
    assert tick_texts([123_400.0, 123_410.0], 10) == ["123,400", "123,410"]
    assert tick_texts([0.0312, 0.0314]) == ["0.0312", "0.0314"]
