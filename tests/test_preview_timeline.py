"""Where one is among a run's previews: the latest is followed until an earlier one is chosen."""

from studio.preview_timeline import PreviewTimeline


def timeline(*steps):
    made = PreviewTimeline()
    made.take(steps)
    return made


def test_without_previews_there_is_no_step_and_nowhere_to_go():
    empty = timeline()
    empty.move(-1)
    assert (empty.step, empty.follows, empty.words) == (None, True, "")


def test_the_latest_is_followed_and_an_earlier_one_stays():
    one = timeline(10, 20, 30)
    assert (one.step, one.words) == (30, "latest of 3")
    one.take((10, 20, 30, 40))
    assert one.step == 40
    one.move(-2)
    one.take((10, 20, 30, 40, 50))
    assert (one.step, one.follows, one.words) == (20, False, "2 of 5")
    one.go_to(-3)
    assert one.step == 10


def test_whoever_goes_to_the_last_one_follows_again():
    one = timeline(10, 20, 30)
    one.go_to(0)
    one.move(5)
    assert one.follows
    one.take((10, 20, 30, 40))
    assert one.step == 40
    one.go_to(0)
    one.follow()
    assert one.step == 40


def test_previews_that_a_rollback_takes_away_leave_the_one_before():
    one = timeline(10, 20, 30, 40)
    one.go_to(2)
    one.take((10, 20))
    assert (one.step, one.follows) == (20, False)
    one.take((25, 40))
    assert one.step == 25
