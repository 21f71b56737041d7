"""What benchmarks/quality_for_time.py makes of measured figures."""

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def benchmark():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)  # as for a script, which finds its neighbours
        yield importlib.import_module("quality_for_time")


def outcome(benchmark, name, distance, few=lambda step: 100.0 - step):
    figures = benchmark.Figures(distance, 0.9)
    rate = benchmark.Rate(200.0, 190.0, 210.0)
    return benchmark.Outcome(name, 690_000, rate, 64, 100, "ddpm", figures, few)


def test_images_until_a_distance_are_those_of_the_first_snapshot_that_is_as_good(benchmark):
    asked = []

    def few(step):
        asked.append(step)
        return 100.0 - step  # snapshots are at 5, 10, 15, 20, 30, 40, 50, 60, 80 and 100

    one = outcome(benchmark, "ours", 3.0, few)
    assert one.images_until(70.0) == 30 * 64
    assert one.images_until(70.5) == 30 * 64
    assert one.images_until(-1.0) is None
    assert set(asked) <= set(benchmark.snapshot_steps(100))


@pytest.mark.parametrize(("ours", "met"), [(5.0, True), (5.1, False)])
def test_the_goal_is_an_eighth_of_the_better_peer(benchmark, ours, met):
    peers = [
        outcome(benchmark, name, distance) for name, distance in zip(benchmark.PEERS, (40, 90), strict=True)
    ]
    outsider = outcome(benchmark, "diffusers, our recipe", 1.0)
    text, is_met = benchmark.report(
        [outcome(benchmark, "ours", ours), *peers, outsider], benchmark.Figures(1.9, 0.97), 2048
    )
    assert is_met == met
    assert f"of the best peer, {benchmark.PEERS[0]}" in " ".join(text.split())


def test_all_steps_that_the_time_allows_are_taken_but_for_a_remainder(benchmark):
    steps = benchmark.affordable_steps(benchmark.Rate(200.0, 190.0, 210.0), 64, 600)
    assert steps == 3740  # 2 processors * 200 images/s * 600 s / 64, a multiple of 20
    assert all(step * 20 % steps == 0 for step in benchmark.snapshot_steps(steps))
