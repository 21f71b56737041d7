"""Loss by timestep over time: the right numbers, in colours that rise in lightness, or in characters."""

import asyncio

import numpy as np
import pytest
from textual.app import App, ComposeResult

from ddpm.loss_bins import LOSS_BINS, bin_means, bin_sums
from studio.heat import heat, shares
from studio.run_series import RunSeries
from studio.store import Series
from studio.widgets.heat_strip import HeatStrip
from studio.widgets.plot_frame import Frame, Scale
from studio.widgets.ramp import colors, steps


def test_losses_are_summed_in_the_part_that_their_timestep_lies_in():
    T = 1000
    t = [0, 124, 125, 999, 999, 500]
    sums, counts = bin_sums([1.0, 2.0, 4.0, 8.0, 32.0, 16.0], t, T)
    assert sums == [3.0, 4.0, 0, 0, 16.0, 0, 0, 40.0]
    assert counts == [2, 1, 0, 0, 1, 0, 0, 2]
    assert bin_means(sums, counts) == [1.5, 4.0, None, None, 16.0, None, None, 20.0]
    for T in (3, 8, 50, 1000):
        assert sum(bin_sums([1.0] * T, range(T), T)[1]) == T


def test_rows_are_means_over_time_and_points_far_apart_last_until_the_next():
    many = Series.of(range(100), [1.0] * 50 + [3.0] * 50)
    few = Series.of([0, 50, 99], [1.0, 2.0, 4.0])
    found = heat([many, few], 0, 99, 9)
    assert found[0].tolist() == pytest.approx([1, 1, 1, 1, 21 / 11, 3, 3, 3, 3])
    assert found[1].tolist() == [1, 1, 1, 1, 2, 2, 2, 2, 4]
    # A window that begins between two points shows the one before it.
    assert heat([few], 60, 70, 4).tolist() == [[2, 2, 2, 2]]


def test_what_is_missing_stays_missing():
    nan = float("nan")
    found = heat([Series.of(range(8), [1, 1, nan, nan, 1, 1, nan, nan])], 0, 7, 4)
    assert np.isnan(found[0]).tolist() == [False, True, False, True]


def test_shares_are_even_in_the_logarithm():
    found = shares(np.array([[0.01, 0.1, 1.0], [np.nan, 0.0, 1.0]]))
    assert found[0].tolist() == pytest.approx([0, 0.5, 1])
    assert np.isnan(found[1, 0])
    assert found[1, 1:].tolist() == [0, 1]
    assert shares(np.array([[2.0, 2.0]])).tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize("system", ["truecolor", "256"])
def test_the_ramp_rises_in_lightness(system):
    def lightness(color):
        red, green, blue = ((channel / 255) ** 2.2 for channel in color.get_truecolor())
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    ramp = [lightness(color) for color in colors(system)]
    assert ramp == sorted(ramp)
    assert len(set(ramp)) == len(ramp)
    assert steps(np.array([0.0, 1.0, np.nan]), len(ramp)).tolist() == [0, len(ramp) - 1, -1]


def drawn(series: list[Series], *, ascii_only: bool) -> list[str]:
    class OneStrip(App[None]):
        def compose(self) -> ComposeResult:
            yield HeatStrip("loss by t")

    async def draw() -> list[str]:
        app = OneStrip()
        async with app.run_test(size=(47, 8)) as pilot:
            strip = app.query_one(HeatStrip)
            strip.ascii_only = ascii_only
            strip.show(series, ("t 0", "t 999"), Frame(0, 7, 4, 40, 0.0, 99.0, Scale(0, 1, False)))
            await pilot.pause()
            return [strip.render_line(y).text for y in range(strip.size.height)]

    return asyncio.run(draw())


def test_a_run_is_drawn_from_much_noise_on_top_to_little():
    run = RunSeries()
    run.extend([{"step": step, "loss_bins": [10.0**-bin for bin in range(8)]} for step in range(100)])
    lines = drawn(run.loss_bins(), ascii_only=False)
    assert lines[0].split() == ["loss", "by", "t", "1e-07", "▀" * 8, "1"]
    assert [line[:7] for line in lines[1:]] == [" t 999 ", " " * 7, " " * 7, "   t 0 "]
    assert all(line[7:] == "▀" * 40 for line in lines[1:])
    dense = [line[7:] for line in drawn(run.loss_bins(), ascii_only=True)[1:]]
    assert all(len(set(line)) == 1 for line in dense)
    assert [" .:-=+*#@".index(line[0]) for line in dense] == [0, 3, 5, 8]


def test_rows_without_parts_are_gaps():
    run = RunSeries()
    run.extend([{"step": 1, "loss": 1.0}, {"step": 2, "loss_bins": [1.0] * 7}, {"step": 3, "loss_bins": "x"}])
    assert run.loss_bins() == []
    run.extend([{"step": 4, "loss_bins": [None] + [2.0] * (LOSS_BINS - 1)}])
    first, second = (series.y for series in run.loss_bins()[:2])
    assert np.isnan(first).tolist() == [True] * 4
    assert np.isnan(second).tolist() == [True] * 3 + [False]
    assert second[3] == 2.0
