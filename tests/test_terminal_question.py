"""What the terminal is asked about pictures before the app starts, on real pseudo-terminals."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios

import pytest

from studio.terminal import find_pictures
from studio.terminal_question import Answer

KITTY = b"\x1b_Gi=31;OK\x1b\\"
NO_KITTY = b"\x1b_Gi=31;ENOTSUPPORTED:no\x1b\\"
XTERM = b"\x1b[?64;1;2;22c"
SIXEL_XTERM = b"\x1b[?64;1;2;4;22c"
CODE = """
import sys, termios
from studio.terminal_question import asked
before = termios.tcgetattr(0)
with asked(longest_wait=float(sys.argv[1])) as answer:
    said = answer()
    colors = "truecolor" if said.truecolor else ""
    print("answer", said.protocol, said.cell_width, said.cell_height, colors, flush=True)
print("restored", termios.tcgetattr(0) == before, flush=True)
"""


def conversation(answer: bytes, longest_wait: float = 30, pixels: tuple[int, int] = (0, 0)) -> str:
    """What the program says on a terminal that gives this answer once both questions have come."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", CODE, str(longest_wait)])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 48, 160, pixels[1], pixels[0]))
    said, answered = b"", False
    while select.select([terminal], [], [], 60)[0]:
        try:
            new = os.read(terminal, 4096)
        except OSError:  # Linux's way of saying that the other side has closed
            break
        if not new:
            break
        said += new
        if not answered and said.endswith(b"\x1b[c"):
            answered = True
            os.write(terminal, answer)
    os.close(terminal)
    assert os.waitpid(pid, 0)[1] == 0, said
    words = said.rpartition(b"\x1b[c")[2].decode()
    assert "\x1b" not in words, "the terminal echoed its own answer"
    return words


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (KITTY + b"\x1b[6;30;15t" + XTERM, "kitty 15 30 truecolor"),
        (NO_KITTY + XTERM, "half 10 20"),
        (XTERM, "half 10 20"),
        (SIXEL_XTERM, "sixel 10 20"),
        (b"\x1bP1$r0;48:2::1:2:3m\x1b\\" + SIXEL_XTERM, "sixel 10 20 truecolor"),
        (b"\x1bP1$r0;48;5;16m\x1b\\" + XTERM, "half 10 20"),
        (b"\x1bP0$r\x1b\\" + XTERM, "half 10 20"),
        (KITTY + SIXEL_XTERM, "sixel 10 20 truecolor"),
        (b"\x1b[?4c", "half 10 20"),
        (b"q" + KITTY + b"x" + XTERM, "kitty 10 20 truecolor"),
    ],
)
def test_a_terminal_says_what_it_can_show(said, expected):
    words = conversation(said)
    assert re.search(r"answer ([\w ]+)", words)[1].strip() == expected
    assert "restored True" in words


def test_a_silent_terminal_shows_half_cells_and_is_left_as_it_was():
    words = conversation(b"", longest_wait=0.01)
    assert "answer half" in words
    assert "restored True" in words


def test_without_a_terminal_nothing_is_asked():
    done = subprocess.run(
        [sys.executable, "-c", CODE.replace("termios.tcgetattr(0)", "0"), "30"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["answer", "half", "10", "20", "restored", "True"]


def test_a_window_that_knows_its_pixels_is_believed_before_the_answer():
    words = conversation(KITTY + b"\x1b[6;30;15t" + XTERM, pixels=(960, 1600))
    assert "answer kitty 10 20" in words


def test_each_protocol_has_its_pixels_and_a_wrong_one_is_named():
    answer = Answer("kitty", 7, 14)
    for protocol, cell in {"auto": (14, 7), "kitty": (14, 7), "sixel": (14, 7), "half": (2, 1)}.items():
        pictures = find_pictures(protocol, answer)
        assert pictures.protocol == ("kitty" if protocol == "auto" else protocol)
        assert pictures.per_cell == cell
    with pytest.raises(
        ValueError, match=r"'sixels' is not a way to show pictures: .* auto, kitty, sixel, half, none"
    ):
        find_pictures("sixels")
