"""How this terminal shows pictures and colours, settled once, before the app starts; pictures can be changed later."""

import os
import re
from collections.abc import Mapping
from typing import get_args

from studio.picture_budget import PictureBudget
from studio.picture_ladder import LADDERS, Rung, Scale, scale_of
from studio.terminal_question import Answer, Protocol

PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
PROTOCOL_WORDS: dict[Protocol, str] = {
    "kitty": "kitty's protocol",
    "sixel": "sixels",
    "half": "half cells",
    "none": "none",
}
# What is known to show 16 million colours by a name that also comes over SSH; COLORTERM, which says it, does not.
_TRUECOLOR_TERM = re.compile(
    r"tmux|xterm-(kitty|ghostty)|foot|alacritty|wezterm|contour|rio|konsole|iterm2|.*-direct"
)
_TRUECOLOR_PROGRAMS = {"iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "rio", "WarpTerminal"}


class Pictures:
    """How pictures are shown, which a person may change, and how many bytes they may take.

    ``found`` is the protocol that the app began with, ``protocol`` the one in use.
    """

    def __init__(self, protocol: Protocol, answer: Answer, budget: PictureBudget | None = None) -> None:
        self.found = self.protocol = protocol
        self.budget = budget or PictureBudget()
        self._answer = answer

    @property
    def ladder(self) -> tuple[Rung, ...]:
        """The ways to send a picture, the best first; none where pictures are turned off."""
        return LADDERS[self.protocol]

    def scale(self, rung: Rung, cells: tuple[int, int]) -> Scale:
        """The room that a picture has on (height, width) cells."""
        return scale_of(rung, cells, self._answer)

    @property
    def per_cell(self) -> tuple[int, int]:
        """(height, width) in pixels of a cell, as the protocol in use has it."""
        return self.scale(self.ladder[0], (1, 1)).per_cell if self.ladder else (2, 1)

    def turn(self) -> Protocol:
        """Take the next protocol: what a terminal says of itself may be wrong, or another one may be attached."""
        self.protocol = PROTOCOLS[(PROTOCOLS.index(self.protocol) + 1) % len(PROTOCOLS)]
        return self.protocol


def find_pictures(protocol: str, answer: Answer | None = None) -> Pictures:
    """How to show pictures by ``protocol``; ``auto`` takes the terminal at its word.

    Raises ValueError for a protocol that is not one.
    """
    answer = answer or Answer()
    chosen = answer.protocol if protocol == "auto" else protocol
    if chosen not in PROTOCOLS:
        raise ValueError(
            f"{protocol!r} is not a way to show pictures: it should be auto, {', '.join(PROTOCOLS)}."
        )
    return Pictures(chosen, answer)


def has_truecolor(environ: Mapping[str, str]) -> bool:
    """Whether the environment names a terminal of 16 million colours.

    tmux is one whatever it runs in: it finds the nearest colours for a terminal that has fewer.
    """
    term = environ.get("TERM", "")
    return bool(
        environ.get("COLORTERM", "") in ("truecolor", "24bit")
        or (environ.get("TMUX") and term.startswith(("tmux", "screen")))
        or _TRUECOLOR_TERM.match(term)
        or environ.get("TERM_PROGRAM") in _TRUECOLOR_PROGRAMS
        or environ.get("WT_SESSION")
        or environ.get("KONSOLE_VERSION")
        or int(re.sub(r"\D", "", environ.get("VTE_VERSION", "")) or 0) >= 3600
    )


def use_truecolor() -> None:
    """Have the app use 16 million colours, though the environment does not tell of them.

    Call it before the app is made, and not where a person or a program has set the colours.
    """
    from textual import constants

    if "TEXTUAL_COLOR_SYSTEM" not in os.environ:
        constants.COLOR_SYSTEM = "truecolor"  # type: ignore[misc]  # read whenever an app is made
