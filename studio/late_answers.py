"""What a terminal answers when nobody waits for it any more, over a slow line, is no key.

Textual reads what it does not know as the keys that would write it, so that the ``?`` in the answer of every terminal
would open the help.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.message import Message

# Answers to the questions of terminal_question: of kitty's protocol, a colour, the size of a cell, and the device.
ANSWER = re.compile(r"\x1b_G[^\x1b]*\x1b\\|\x1bP[01]\$r[^\x1b]*\x1b\\|\x1b\[6;\d+;\d+t|\x1b\[\?[0-9;]*c")
# The beginning of one at the end of what was read: of two characters at least after the escape, as a key that is
# pressed with alt has one.
BEGINNING = re.compile(
    r"\x1b(?:_G[^\x1b]{0,80}\x1b?|P[01](?:\$(?:r[^\x1b]{0,80}\x1b?)?)?|\[6;[0-9;]{0,9}|\[\?[0-9;]{0,80})\Z"
)


class AnswersAside(XTermParser):
    """Textual's reader of what a terminal sends, without those answers."""

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        self._begun = ""

    def feed(self, data: str) -> Iterable[Message]:
        """The messages that are in what was read; of an answer that has only begun, once the rest has come."""
        text = ANSWER.sub("", self._begun + data)
        beginning = BEGINNING.search(text) if data else None
        self._begun = beginning[0] if beginning else ""
        text = text.removesuffix(self._begun)
        # Nothing at all would mean the end to Textual.
        return super().feed(text) if text or not data else ()


@contextmanager
def swallowed() -> Iterator[None]:
    """Have Textual read a terminal so until the block ends."""
    usual = linux_driver.XTermParser  # type: ignore[attr-defined]
    linux_driver.XTermParser = AnswersAside  # type: ignore[attr-defined]
    try:
        yield
    finally:
        linux_driver.XTermParser = usual  # type: ignore[attr-defined]
