"""Answers of terminals that come late are no keys, however the line cuts them; keys stay keys."""

import pytest
from picture_terminal import ANSWERS
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key, Paste

from studio.late_answers import AnswersAside, swallowed

LATE = {answer.decode() for answers in ANSWERS.values() for answer in answers.values()}
LATE |= {"\x1b_Gi=31;ENOTSUPPORTED:no\x1b\\", "\x1bP0$r\x1b\\", "\x1b[?1;2c"}


def keys(*reads):
    parser = AnswersAside()
    return [event.key for read in reads for event in parser.feed(read) if isinstance(event, Key)]


def test_an_answer_is_no_key_wherever_it_is_cut():
    assert keys("a" + "".join(sorted(LATE)) + "b") == ["a", "b"]
    for answer in LATE:
        for at in range(4, len(answer)):  # fewer characters may be those of a key
            assert keys("a" + answer[:at], answer[at:] + "b") == ["a", "b"], (answer, at)
            assert keys("a", answer[:at], answer[at:], "b") == ["a", "b"], (answer, at)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("?c[", ["question_mark", "c", "left_square_bracket"]),
        ("\x1b[A\x1b[6~\x1b[15~", ["up", "pagedown", "f5"]),
        ("\x1b[63;1u", ["question_mark"]),
    ],
)
def test_keys_stay_keys(typed, expected):
    assert keys(typed) == expected
    assert keys(*typed) == expected or "\x1b" in typed


def test_a_paste_comes_whole():
    parser = AnswersAside()
    (paste,) = [event for event in parser.feed("\x1b[200~see ?1c\x1b[201~") if isinstance(event, Paste)]
    assert paste.text == "see ?1c"


def test_the_driver_of_a_terminal_reads_so_while_the_app_runs():
    names = LinuxDriver.run_input_thread.__globals__
    usual = names["XTermParser"]
    with swallowed():
        assert names["XTermParser"] is AnswersAside
    assert names["XTermParser"] is usual
