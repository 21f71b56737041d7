"""Series, their moving average and the extremes per column."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.growing import Growing
from studio.pyramid import Pyramid, greatest, least, total
from studio.store import Series

finite = st.floats(-1e6, 1e6)


def test_a_constant_series_is_its_own_average_from_the_first_point_on():
    series = Series()
    series.extend([1, 2, 3], [4.0, 4.0, 4.0])
    assert series.smooth == pytest.approx([4.0, 4.0, 4.0])


def test_the_average_is_the_weighted_mean_of_what_came_before():
    series = Series()  # which remembers two points at first
    series.extend([1, 2, 3], [1.0, 2.0, 4.0])
    assert series.smooth[2] == pytest.approx((1 * 0.25 + 2 * 0.5 + 4 * 1) / 1.75)


def test_a_value_that_is_not_finite_leaves_a_gap_and_the_average_as_it_was():
    with_gap, without = Series(), Series()
    with_gap.extend([1, 2, 3], [1.0, float("nan"), 3.0])
    without.extend([1, 3], [1.0, 3.0])
    assert np.isnan(with_gap.smooth[1])
    assert with_gap.smooth[2] == without.smooth[1]


@given(st.lists(finite, min_size=1, max_size=700), st.integers(1, 50))
def test_pieces_or_one_piece_make_the_same_series(values, piece):
    whole, pieces = Series(), Series()
    steps = list(range(len(values)))
    whole.extend(steps, values)
    for at in range(0, len(values), piece):
        pieces.extend(steps[at : at + piece], values[at : at + piece])
        # What is worked out when it is asked for, asked for at any time.
        assert len(pieces.smooth) == len(pieces)
    assert np.array_equal(whole.x, pieces.x)
    assert np.array_equal(whole.y, pieces.y)
    assert np.array_equal(whole.smooth, pieces.smooth)


@given(st.lists(finite, min_size=1, max_size=300))
def test_the_average_stays_between_the_extremes(values):
    series = Series()
    series.extend(range(len(values)), values)
    slack = 1e-9 * (1 + max(map(abs, values)))
    assert series.smooth.min() >= min(values) - slack
    assert series.smooth.max() <= max(values) + slack


@pytest.mark.parametrize("points", [60, 180, 1000, 5000])
def test_the_average_follows_a_falling_curve_however_long_it_is(points):
    at = np.arange(points)
    curve = 0.05 + np.exp(-at / points * 12)
    series = Series()
    series.extend(at, curve)
    # Nowhere higher than the curve was a fifteenth of the plot's width before.
    lag = points // 15
    assert (series.smooth[lag:] <= curve[:-lag]).all()


def test_the_average_of_a_long_noisy_curve_is_smooth():
    noise = np.random.default_rng(0).normal(size=5000)
    series = Series()
    series.extend(range(5000), noise)
    assert series.smooth[2500:].std() < 0.15


def test_x_that_falls_is_refused_and_nothing_is_added():
    series = Series()
    series.extend([5], [1.0])
    with pytest.raises(ValueError, match="must not fall"):
        series.extend([4], [1.0])
    assert len(series) == 1


def test_clearing_forgets_points_and_average():
    series = Series()
    series.extend([10, 20], [9.0, 9.0])
    series.clear()
    series.extend([1], [2.0])
    assert series.x.tolist() == [1.0]
    assert series.smooth == pytest.approx([2.0])


numbers = st.lists(st.one_of(finite, st.just(float("nan"))), min_size=1, max_size=900)


@given(numbers, st.integers(1, 90), st.integers(1, 300))
def test_columns_hold_the_extremes_and_means_of_exactly_their_points(values, columns, piece):
    series = Series()
    for at in range(0, len(values), piece):
        series.extend(range(at, min(at + piece, len(values))), values[at : at + piece])
        series.columns(0, 1, 3)
    last = max(1.0, len(values) - 1)
    drawn = series.columns(0, last, columns, "values")
    borders = np.linspace(0, last, columns + 1)
    seen = 0
    for column in range(columns):
        is_last = column == columns - 1
        below = series.x <= last if is_last else series.x < borders[column + 1]
        points = series.y[(series.x >= borders[column]) & below]
        seen += len(points)
        known = points[np.isfinite(points)]
        assert drawn.missing[column] == (len(points) > 0 and len(known) == 0)
        if len(known):
            assert (drawn.low[column], drawn.high[column]) == (known.min(), known.max())
            assert drawn.line[column] == pytest.approx(known.mean(), abs=1e-6)
        else:
            assert np.isnan([drawn.low[column], drawn.high[column], drawn.line[column]]).all()
    assert seen == len(values)


@given(st.lists(finite, min_size=1, max_size=3000), st.data())
def test_a_pyramid_answers_for_any_range(values, data):
    ends = st.integers(0, len(values))
    ranges = [sorted(data.draw(st.tuples(ends, ends))) for _ in range(5)]
    start, end = np.array(ranges).T
    array = np.array(values)
    for reduce, expected in ((least, np.min), (greatest, np.max)):
        pyramid = Pyramid(reduce)
        pyramid.follow(array[: len(array) // 2])
        pyramid.follow(array)
        found = pyramid.over(array, start, end)
        for (first, last), value in zip(ranges, found, strict=True):
            assert np.isnan(value) if first == last else value == expected(array[first:last])
    sums = Pyramid(total)
    sums.follow(array)
    expected = [array[first:last].sum() for first, last in ranges]
    assert sums.over(array, start, end) == pytest.approx(expected, abs=1e-4)


def test_an_array_keeps_its_numbers_while_it_outgrows_its_room():
    growing, expected = Growing(np.float32), np.arange(100_000, dtype=np.float32)
    for start in range(0, len(expected), 30_000):
        growing.extend(expected[start : start + 30_000])
    assert np.array_equal(growing.values, expected)
    growing.clear()
    growing.extend([1.5])
    assert growing.values.tolist() == [1.5]


def test_points_outside_the_window_are_left_out():
    drawn = Series.of([0, 1, 2, 3], [-9.0, 1.0, 2.0, 9.0]).columns(1, 2, 2)
    assert (drawn.low.tolist(), drawn.high.tolist()) == ([1.0, 2.0], [1.0, 2.0])


def test_the_nearest_number_is_found_across_gaps():
    nan = float("nan")
    series = Series.of([0, 10, 20, 30, 40], [nan, 1.0, nan, nan, 2.0])
    assert [series.nearest(x) for x in (-5, 0, 21, 29, 99)] == [1, 1, 1, 4, 4]
    assert Series.of([1, 2], [nan, nan]).nearest(1) is None
    assert (series.beside(10, 1), series.beside(10, -1), series.beside(10, 29)) == (40, 10, 40)


def test_numbers_that_no_sum_holds_cost_nothing_but_themselves():
    series = Series.of([0, 1, 2, 3], [1.0, 1e308, float("inf"), 1.0])
    assert series.smooth[[0, 3]].tolist() == [1.0, 1.0]
    assert np.isnan(series.smooth[1:3]).all()
    assert series.columns(0, 3, 1).high[0] == 1e308
