"""Full garbage collections wait until nobody types."""

import gc
import weakref

import pytest

from studio.garbage import DUE, LOOK_SECONDS, OVERDUE, collect_if_idle, collected_between_keys


class Loop:
    """Refers to itself, so that only the collector can free it."""

    def __init__(self):
        self.itself = self


@pytest.fixture
def old_garbage():
    gc.collect()
    loop = Loop()
    gc.collect(1)  # now it is among the oldest objects
    return weakref.ref(loop)


def younger_collections(times):
    for _ in range(times):
        gc.collect(1)


def test_python_begins_no_full_collection_until_the_app_is_left():
    before = gc.get_threshold()
    with collected_between_keys():
        assert gc.get_threshold()[2] > 100_000
        assert gc.get_threshold()[:2] == before[:2]
    assert gc.get_threshold() == before


def test_old_garbage_is_collected_once_it_is_time_and_nobody_types(old_garbage):
    collect_if_idle(LOOK_SECONDS)
    assert old_garbage() is not None, "it is not time yet"
    younger_collections(DUE + 1)
    collect_if_idle(0.1)
    assert old_garbage() is not None, "somebody types"
    collect_if_idle(LOOK_SECONDS)
    assert old_garbage() is None


def test_somebody_who_never_stops_typing_does_not_put_it_off_for_ever(old_garbage):
    younger_collections(OVERDUE + 1)
    collect_if_idle(0.0)
    assert old_garbage() is None


def test_nothing_is_collected_while_collections_are_off(old_garbage):
    younger_collections(OVERDUE + 1)
    gc.disable()
    try:
        collect_if_idle(LOOK_SECONDS)
    finally:
        gc.enable()
    assert old_garbage() is not None
