"""Ask the terminal what pictures it can show, without waiting for an answer that will not come.

A terminal that does not know kitty's graphics protocol says nothing when asked about it. So the question every
terminal answers, "what are you?" (DA1), is sent last: its answer ends the wait. And all of it is sent before the
app is imported, so that the answer, over a slow line too, is there when it is needed.
"""

import fcntl
import os
import re
import select
import struct
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

Protocol = Literal["kitty", "sixel", "half", "none"]

KITTY_QUESTION = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"
CELL_QUESTION = b"\x1b[16t"
# A colour is set, then asked for (DECRQSS): one that has so many gives it back as it was.
COLOR_QUESTION = b"\x1b[48;2;1;2;3m\x1bP$qm\x1b\\\x1b[m"
DEVICE_QUESTION = b"\x1b[c"
KITTY_ANSWER = re.compile(rb"\x1b_Gi=31;OK\x1b\\")
CELL_ANSWER = re.compile(rb"\x1b\[6;(\d{1,4});(\d{1,4})t")
COLOR_ANSWER = re.compile(rb"\x1bP1\$r[0-9;:]*48[:;]2[:;]+1[:;]2[:;]3[;m]")
DEVICE_ANSWER = re.compile(rb"\x1b\[\?([0-9;]*)c")
SIXEL = b"4"
LONGEST_WAIT = 0.5


@dataclass(frozen=True)
class Answer:
    """What the terminal can show, and the pixels of one character cell (VT340's where it does not say).

    ``truecolor``: it says that it has 16 million colours. Many that have do not say so.
    """

    protocol: Protocol = "half"
    cell_width: int = 10
    cell_height: int = 20
    truecolor: bool = False


@contextmanager
def asked(longest_wait: float = LONGEST_WAIT) -> Iterator[Callable[[], Answer]]:
    """Send the question; what is given waits for the answer, at most ``longest_wait`` seconds.

    Until the block ends the terminal echoes nothing. Half cells, which every terminal can show, are the answer
    of one that stays silent, and of what is no terminal.
    """
    try:
        if not (sys.__stdin__ and sys.__stdout__ and sys.__stdin__.isatty() and sys.__stdout__.isatty()):
            raise ValueError("there is no terminal to ask")
        keyboard = sys.__stdin__.fileno()
        settings = termios.tcgetattr(keyboard)
    except (OSError, ValueError, termios.error):
        yield Answer
        return
    try:
        with suppress(OSError, termios.error):
            tty.setcbreak(keyboard, termios.TCSANOW)
            os.write(sys.__stdout__.fileno(), _question())
        yield lambda: _understand(_listen(keyboard, longest_wait), _cell_size(keyboard))
    finally:
        with suppress(termios.error):
            termios.tcsetattr(keyboard, termios.TCSANOW, settings)


def _question() -> bytes:
    term = os.environ.get("TERM", "")
    # The consoles without windows would show what they do not understand.
    if term.startswith(("linux", "dumb", "vt", "cons")):
        return DEVICE_QUESTION
    # tmux and screen take the question about kitty's protocol for the title of their window.
    if os.environ.get("TMUX") or term.startswith(("tmux", "screen")):
        return CELL_QUESTION + COLOR_QUESTION + DEVICE_QUESTION
    return KITTY_QUESTION + CELL_QUESTION + COLOR_QUESTION + DEVICE_QUESTION


def _listen(keyboard: int, longest_wait: float) -> bytes:
    heard = b""
    deadline = time.monotonic() + longest_wait
    with suppress(OSError):
        while not DEVICE_ANSWER.search(heard):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([keyboard], [], [], left)[0]:
                break
            if not (new := os.read(keyboard, 1024)):
                break
            heard += new
    return heard


def _cell_size(keyboard: int) -> tuple[int, int] | None:
    with suppress(OSError, ZeroDivisionError):
        window = fcntl.ioctl(keyboard, termios.TIOCGWINSZ, b"\0" * 8)
        rows, columns, width, height = struct.unpack("HHHH", window)
        if width and height:
            return width // columns, height // rows
    return None


def _understand(heard: bytes, cell: tuple[int, int] | None) -> Answer:
    if cell is None and (size := CELL_ANSWER.search(heard)):
        cell = int(size[2]), int(size[1])
    width, height = cell or (Answer.cell_width, Answer.cell_height)
    width, height = max(1, width), max(1, height)
    kitty = KITTY_ANSWER.search(heard) is not None
    truecolor = kitty or COLOR_ANSWER.search(heard) is not None
    device = DEVICE_ANSWER.search(heard)
    # Terminals that know both show sixels right: of kitty's protocol they lack the placeholders used here.
    if device and SIXEL in device[1].split(b";")[1:]:
        return Answer("sixel", width, height, truecolor)
    return Answer("kitty" if kitty else "half", width, height, truecolor)
