"""A short trial of a recipe: it measures real steps, can be broken off, leaves nothing and says what is wrong."""

import time

import pytest
from app_pilot import tiny_config

from studio.pace import paces
from studio.recipe_costs import costs_of
from studio.trial import Measured, Trial


def finished(trial: Trial) -> Measured:
    deadline = time.monotonic() + 60
    while trial.is_alive:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return trial.measured


def test_steps_are_measured_and_nothing_is_written(tmp_path):
    config = tiny_config(
        previews={"every": 1}, train={"steps": 2, "checkpoint_every": 1, "held_out_every": 1}
    )
    found = list(paces(config, tmp_path, lambda: False, most_seconds=0.1))
    assert [pace.steps for pace in found] == list(range(1, len(found) + 1))
    assert found[-1].seconds >= 0.1
    assert "CPU" in found[-1].device
    assert not list(tmp_path.iterdir())


def test_a_set_that_is_not_here_is_measured_with_images_of_its_shape(tmp_path):
    config = tiny_config(data={"source": "cifar10"})
    assert next(paces(config, tmp_path, lambda: False)).seconds_a_step > 0


def test_a_trial_can_be_broken_off_and_keeps_what_it_has(tmp_path):
    trial = Trial(tmp_path)
    config = tiny_config()
    trial.start(config)
    while trial.measured.pace is None:
        assert trial.is_alive
        time.sleep(0.01)
    trial.give_up()
    measured = finished(trial)
    assert measured.pace.steps < 200
    assert measured.holds_for(tiny_config(train={"steps": 9999, "lr": 0.5, "seed": 3}))
    assert not measured.holds_for(tiny_config(train={"batch_size": 9}))
    assert not measured.holds_for(tiny_config(model={"dim": 16}))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"train": {"device": "cuda:99"}}, "cuda:99"),
        ({"data": {"source": "/nowhere"}}, "/nowhere"),
        ({"data": {"source": "cifar10"}, "model": {"class_conditional": True}}, "class_conditional"),
    ],
)
def test_what_keeps_it_from_being_tried_is_told(tmp_path, changes, told):
    trial = Trial(tmp_path)
    trial.start(tiny_config(**changes))
    measured = finished(trial)
    assert measured.pace is None
    assert told in measured.problem


def test_costs_tell_memory_or_what_keeps_it_from_training():
    shape = {"data": {"image_size": (8, 8), "channels": 1}}
    costs = costs_of(tiny_config(**shape))
    assert costs.n_bytes > 0
    assert "activations" in costs.memory
    assert not costs.is_tight
    assert costs_of(tiny_config(**shape, train={"batch_size": 65536}, model={"dim": 2048})).is_tight
    assert "class_conditional" in costs_of(tiny_config(**shape, model={"class_conditional": True})).problem
    assert costs_of(tiny_config()).n_bytes == 0  # the shape of the images is not known yet
