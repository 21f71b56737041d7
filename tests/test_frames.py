"""The steps of a drawing: kept in bounded memory, and gone through back and forth."""

import numpy as np

from studio.frames import Frame, Frames


def frame(done, total=10, n=1):
    images = np.zeros((n, 1, 4, 4), np.uint8)
    return Frame(done, total, images, images)


def filled(frames, last=10, total=10):
    for done in range(1, last + 1):
        frames.add(frame(done, total))
    return frames


def test_all_steps_are_kept_where_there_is_room_and_gone_through_one_by_one():
    frames = filled(Frames())
    assert [one.done for one in frames.all()] == list(range(1, 11))
    assert frames.beside(10, -1).done == 9
    assert frames.beside(5, 1).done == 6
    assert frames.beside(1, -1).done == 1
    assert frames.beside(9, 1) is None  # the latest is followed
    assert frames.beside(10, 1) is None


def test_where_there_is_little_room_every_third_step_and_the_last_are_kept():
    frames = filled(Frames(budget=32 * 4))
    assert [one.done for one in frames.all()] == [3, 6, 9, 10]
    assert frames.beside(7, -1).done == 6
    stopped = filled(Frames(budget=32 * 4), last=5)
    assert [one.done for one in stopped.all()] == [3, 5]
    assert stopped.latest.done == 5
    assert stopped.beside(5, -1).done == 3


def test_a_drawing_that_begins_again_in_smaller_batches_forgets_its_first_steps():
    frames = filled(Frames(), last=4)
    frames.add(frame(1, total=20))
    assert [(one.done, one.total) for one in frames.all()] == [(1, 20)]


def test_an_empty_drawing_has_no_steps():
    assert (Frames().latest, Frames().all(), Frames().beside(3, -1)) == (None, [], None)
