"""The numbers of a run over steps, images or minutes, and the window that a plot has on them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.plot_window import PlotWindow
from studio.run_series import HELD_OUT, RunSeries


def rows(*steps: int, **more) -> list[dict]:
    return [
        {"step": step, "images_seen": 8 * step, "seconds": 6 * step, "loss": 1 / step, "lr": 0.1, **more}
        for step in steps
    ]


def test_a_number_is_seen_over_steps_images_or_minutes():
    series = RunSeries()
    series.extend(rows(1, 2))
    series.extend(rows(5))
    assert series.of("loss", "steps").x.tolist() == [1, 2, 5]
    assert series.of("loss", "images").x.tolist() == [8, 16, 40]
    assert series.of("lr", "minutes").x == pytest.approx([0.1, 0.2, 0.5])
    assert series.of("loss", "minutes").y.tolist() == [1, 0.5, 0.2]
    assert series.last_step == 5
    assert series.places([3, 2, 9], "images").tolist() == [40, 16, 40]


def test_what_a_row_lacks_is_a_gap_and_its_x_never_falls():
    series = RunSeries()
    series.extend([*rows(10), {"step": 20, "loss": None}, *rows(30, grad_norm="big", images_seen=7)])
    assert np.isnan(series.of("loss").y[1])
    assert np.isnan(series.of("grad_norm").y).all()
    assert series.of("loss", "images").x.tolist() == [80, 80, 80]
    odd = RunSeries()
    for loss in (10**400, [1.0], {"a": 1}, [[]]):
        odd.extend(rows(len(odd) + 1, loss=loss))
    assert np.isnan(odd.of("loss").y).tolist() == [True] * 4


def test_losses_that_are_measured_rarely_are_points_of_their_own():
    series = RunSeries()
    series.extend([*rows(1, 2), *rows(3, held_out_loss=0.5), *rows(4), *rows(5, held_out_loss=0.4)])
    held_out = series.of(HELD_OUT, "images")
    assert (held_out.x.tolist(), held_out.y.tolist()) == ([24, 40], [0.5, 0.4])


def test_forgetting_forgets_every_column():
    series = RunSeries()
    series.extend(rows(10, 20, held_out_loss=1.0))
    series.clear()
    series.extend(rows(1))
    assert series.of("loss").x.tolist() == [1]
    assert len(series.of(HELD_OUT)) == 0


def test_a_part_of_the_loss_that_is_too_large_is_a_gap():
    series = RunSeries()
    series.extend(rows(1, loss_bins=[1e300, 0.1234, *[None] * 6]))
    large, small = (one.y for one in series.loss_bins()[:2])
    assert np.isnan(large).all()
    assert small == pytest.approx([0.1234])


WHOLE = (0.0, 1000.0)
moves = st.lists(
    st.one_of(
        st.tuples(st.just("zoom"), st.floats(0.1, 4), st.floats(0, 1)),
        st.tuples(st.just("pan"), st.floats(-2, 2), st.just(0.0)),
    ),
    max_size=12,
)


@given(moves)
def test_no_window_leaves_the_run_or_shrinks_to_nothing(moves):
    window = PlotWindow()
    for kind, amount, share in moves:
        first, last = window.within(WHOLE)
        if kind == "zoom":
            at = first + share * (last - first)
            window = window.zoomed(amount, at, WHOLE, 10.0)
        else:
            window = window.panned(amount, WHOLE)
        first, last = window.within(WHOLE)
        assert WHOLE[0] - 1e-6 <= first < last <= WHOLE[1] + 1e-6
        assert last - first >= 10 - 1e-6


def test_zooming_keeps_the_place_under_the_mouse():
    first, last = PlotWindow().zoomed(0.5, 250, WHOLE, 1).within(WHOLE)
    assert (first, last) == (125, 625)
    assert PlotWindow(500, 625).zoomed(4, 250, WHOLE, 1) == PlotWindow()


def test_a_window_at_the_end_follows_and_any_other_stays():
    assert PlotWindow(100).within((0, 2000)) == (1900, 2000)
    earlier = PlotWindow(100).panned(-1, WHOLE)
    assert earlier.within(WHOLE) == earlier.within((0, 2000)) == (800, 900)
    assert earlier.panned(5, WHOLE) == PlotWindow(100)


def test_a_single_point_stands_in_the_middle():
    assert PlotWindow().within((7, 7)) == (6.5, 7.5)
    first, last = PlotWindow().within((1e300, 1e300))
    assert first < 1e300 < last
