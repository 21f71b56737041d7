"""The figures of benchmarks/digits_quality.py, against independent computations."""

import importlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra bench")
linalg = pytest.importorskip("scipy.linalg", reason="needs the extra bench")

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def quality():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)  # as for a script, which finds its neighbours
        yield importlib.import_module("digits_quality")


def distance(quality, a, b):
    return quality.frechet_distance(quality.gaussian_of(a), quality.gaussian_of(b))


@pytest.fixture(scope="module")
def real(quality):
    return quality.real_digits()


def test_frechet_agrees_with_the_matrix_root_of_scipy(quality):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6))
    b = rng.normal(size=(300, 6)) @ rng.normal(size=(6, 6)) + 0.5
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(first @ second).real
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first + second - 2 * root)
    assert distance(quality, a, b) == pytest.approx(expected, rel=1e-9)
    assert distance(quality, b, a) == pytest.approx(expected, rel=1e-9)


def test_frechet_of_a_shift_is_its_square(quality):
    a = np.random.default_rng(1).normal(size=(50, 4))
    a[:, 3] = 0  # a pixel that never changes
    assert distance(quality, a, a) == pytest.approx(0, abs=1e-9)
    assert distance(quality, a, a + np.array([3, 0, 0, 4])) == pytest.approx(25)


def test_the_split_is_whole_and_nothing_is_in_both_parts(quality, real):
    assert real.everything.shape == (1797, 64)
    assert real.reference.shape == (1257, 64)
    assert real.held_out.shape == (256, 64)
    assert real.everything.max() == 1
    assert quality.distances(real.held_out, real.reference).min() > 0
    shares = np.bincount(real.reference_labels) / len(real.reference_labels)
    assert shares.min() > 0.09


def test_closest_tells_copies_from_drawings(quality, real):
    copies = np.concatenate([np.full((3, 64), 0.5), real.everything[:2]])
    assert quality.closest(copies, real.everything, skip=0) == 0
    assert quality.closest(np.full((3, 64), 0.5), real.everything, skip=0) > 2
    assert quality.closest(real.held_out, real.everything, skip=1) > 0.4


def test_real_digits_meet_the_goals_and_noise_and_copies_of_one_class_do_not(quality, real):
    forest = quality.fit_forest(real)
    held_out = quality.measure(real.held_out, forest, real, own=1)
    noise = quality.measure(np.random.default_rng(0).random((256, 64)), forest, real)
    ones = quality.measure(real.reference[real.reference_labels == 1], forest, real)
    assert [goal.met for goal in quality.goals(held_out, held_out)] == [True, True, True]
    assert [goal.met for goal in quality.goals(noise, held_out)] == [False, False, False]
    assert [goal.met for goal in quality.goals(ones, held_out)] == [True, False, False]
    assert held_out.class_shares.sum() == pytest.approx(1)


def test_a_run_that_is_not_there_is_one_sentence(quality, tmp_path, capsys):
    assert quality.main(["nothing", "--home", str(tmp_path)]) == 2
    assert "There is no run named 'nothing'" in capsys.readouterr().err
