"""The braille plot: dots where the numbers are, labels that say so, words where there is nothing."""

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from studio.store import Series
from studio.widgets.axis import linear_ticks, log_ticks, tick_text
from studio.widgets.braille import BLANK, Board
from studio.widgets.plot import Plot


def plotted(series: Series, *, log: bool = False, size: tuple[int, int] = (40, 10)) -> list[str]:
    """The lines of a plot of the whole terminal."""

    class OnePlot(App[None]):
        def compose(self) -> ComposeResult:
            plot = Plot(series)
            plot.log_axis = log
            yield plot

    async def draw() -> list[str]:
        app = OnePlot()
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            plot = app.query_one(Plot)
            return [plot.render_line(y).text for y in range(plot.size.height)]

    return asyncio.run(draw())


def series_of(y, x=None) -> Series:
    series = Series()
    series.extend(range(len(y)) if x is None else x, y)
    return series


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


def test_cells_are_the_right_braille():
    board = Board(1, 1)
    board.bars(np.array([0.0, 3.0]), np.array([0.0, 3.0]))
    assert chr(board.cells()[0, 0]) == "⡈"
    assert Board(2, 1).cells().tolist() == [[BLANK, BLANK]]


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
