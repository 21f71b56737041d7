"""Series, their moving average and the extremes per column."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.store import Series, column_extremes

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


@given(st.lists(st.one_of(finite, st.just(float("nan"))), min_size=1, max_size=400), st.integers(1, 90))
def test_columns_hold_the_extremes_of_exactly_their_points(values, columns):
    x = np.arange(len(values), dtype=float)
    y = np.array(values)
    last = max(1.0, x[-1])
    low, high = column_extremes(x, y, 0.0, last, columns)
    expected = np.minimum((x / last * columns).astype(int), columns - 1)
    for column in range(columns):
        inside = y[(expected == column) & np.isfinite(y)]
        if len(inside):
            assert (low[column], high[column]) == (inside.min(), inside.max())
        else:
            assert np.isnan(low[column])
            assert np.isnan(high[column])


def test_points_outside_the_window_are_left_out():
    x, y = np.array([0.0, 1.0, 2.0, 3.0]), np.array([-9.0, 1.0, 2.0, 9.0])
    low, high = column_extremes(x, y, 1.0, 2.0, 2)
    assert (low.tolist(), high.tolist()) == ([1.0, 2.0], [1.0, 2.0])


def test_a_single_point_fills_one_column():
    low, _ = column_extremes(np.array([7.0]), np.array([3.0]), 7.0, 7.0, 5)
    assert np.flatnonzero(np.isfinite(low)).tolist() == [0]
