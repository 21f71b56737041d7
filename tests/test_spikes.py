"""A jump of the loss is found where it begins, noise and gaps are passed over, however the rows come in."""

import numpy as np

from studio.feed import News
from studio.run_view import RunView
from studio.spikes import WINDOW, SpikeFinder


def noisy(n, seed=0):
    """A loss as healthy runs log it: it falls, and its noise is skewed."""
    return 0.02 + 0.5 * np.exp(-np.arange(n) / 300) + np.random.default_rng(seed).gamma(20, 0.001, n)


def found(losses, chunk=None):
    finder = SpikeFinder()
    for start in range(0, len(losses), chunk or len(losses)):
        part = losses[start : start + (chunk or len(losses))]
        finder.extend(range(start, start + len(part)), part)
    return finder.found


def test_a_healthy_loss_has_no_spikes():
    assert sum(len(found(noisy(2000, seed))) for seed in range(20)) <= 1
    assert found(np.zeros(200)) == []
    assert found(np.full(200, 0.3)) == []


def test_a_spike_is_found_with_its_height():
    losses = noisy(2000)
    losses[[300, 1500]] = [2.0, 0.3]
    assert [(spike.step, spike.loss) for spike in found(losses)] == [(300, 2.0), (1500, 0.3)]
    assert all(spike.score > 8 for spike in found(losses))


def test_of_a_jump_that_lasts_the_beginning_is_marked():
    losses = noisy(1000)
    losses[600:] += 0.5
    assert [spike.step for spike in found(losses)] == [600]


def test_a_flat_loss_that_jumps_is_found_and_one_that_trembles_is_not():
    losses = np.full(200, 0.3)
    losses[100] = 0.3001
    losses[150] = 0.4
    assert [spike.step for spike in found(losses)] == [150]


def test_gaps_are_passed_over():
    losses = noisy(500)
    losses[400] = 3.0
    gapped = losses.copy()
    gapped[[10, 399, 401, 450]] = np.nan
    assert [spike.step for spike in found(gapped)] == [400]


def test_too_few_rows_tell_nothing():
    losses = np.full(WINDOW, 0.3)
    losses[-1] = 9.0
    assert found(losses) == []


def test_it_is_the_same_however_the_rows_come_in():
    losses = noisy(1000)
    losses[[120, 500, 501, 900]] += 2
    whole = found(losses)
    assert [spike.step for spike in whole] == [120, 500, 900]
    for chunk in (1, 7, 60):
        assert found(losses, chunk) == whole


def test_a_view_keeps_the_spikes_of_its_run_and_forgets_them_with_its_rows():
    losses = noisy(300)
    losses[200] = 5.0
    rows = [{"step": step + 1, "loss": float(loss)} for step, loss in enumerate(losses)]
    view = RunView()
    news = {"training": False, "config": None, "problem": "", "events": [], "events_began_again": False}
    news |= {"status": view.status, "preview_steps": (), "more": False}
    view.take(News(rows=rows, rows_began_again=False, **news), starting=False)
    assert [spike.step for spike in view.spikes.found] == [201]
    view.take(News(rows=rows[:100], rows_began_again=True, **news), starting=False)
    assert view.spikes.found == []
