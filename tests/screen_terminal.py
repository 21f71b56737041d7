"""A pseudo-terminal whose screen can be read as a person sees it."""

import re

import pyte
from pseudo_terminal import PseudoTerminal

# Modes of the keyboard, which pyte takes for text.
KEYBOARD_MODES = re.compile(rb"\x1b\[[<>=?][0-9;]*u")

UNFINISHED = re.compile(rb"(\x1b(\[[<>=?0-9;]*)?)?\Z")


class Screen:
    """What a terminal shows of all that was written to it."""

    def __init__(self, columns: int, lines: int) -> None:
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._fed = 0

    def after(self, written: bytes) -> str:
        """The lines on screen after these bytes, of which it has seen the beginning."""
        end = len(written) - len(UNFINISHED.search(written, self._fed)[0])
        self._stream.feed(KEYBOARD_MODES.sub(b"", written[self._fed : end]))
        self._fed = end
        return "\n".join(self._screen.display)


def until_on_screen(terminal: PseudoTerminal, screen: Screen, words: str, seconds: float = 60.0) -> None:
    """Read until the words are on screen."""
    try:
        terminal.until(lambda: words in screen.after(terminal.written), seconds, repr(words))
    except AssertionError:
        raise AssertionError(f"{words!r} never came:\n{screen.after(terminal.written)}") from None
