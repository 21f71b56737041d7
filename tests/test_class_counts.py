"""The classes of a data set, counted."""

from studio.class_counts import class_bars, class_words


def test_the_classes_are_told_in_words():
    assert class_words([5, 5]) == "2 classes of 5 images"
    assert class_words([1200, 3]) == "2 classes of 3 to 1,200 images"
    assert class_words([]) == ""


def test_each_class_has_a_bar_as_long_as_its_count():
    lines = class_bars(["cat", "sea lion"], [10, 5], 22, 9).plain.splitlines()
    assert lines == ["cat      ▇▇▇▇▇▇▇▇▇▇ 10", "sea lion ▇▇▇▇▇       5"]


def test_of_many_classes_the_largest_have_bars_and_the_rest_is_counted():
    counts = list(range(1, 101))
    lines = class_bars([f"c{n}" for n in counts], counts, 30, 8).plain.splitlines()
    assert lines[0].startswith("c100")
    assert (len(lines), lines[-1]) == (8, "… and 93 smaller ones")


def test_without_room_the_classes_stand_side_by_side():
    assert class_bars(["a", "b", "c"], [8, 4, 0], 30, 0).plain == "██ ▅▅\n"
    assert class_bars(["a"] * 40, [1] * 40, 30, 0).plain == "█" * 30 + "…\n"
