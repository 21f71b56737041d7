"""What a run looks like from outside: the trainer's last word, and whether the trainer still lives."""

from dataclasses import dataclass
from typing import Literal

from ddpm.runs import Status

SeenState = Literal["preparing", "running", "paused", "stopped", "finished", "failed", "dead"]
ALIVE: tuple[SeenState, ...] = ("preparing", "running", "paused")


@dataclass(frozen=True)
class Look:
    """How a state is shown: by glyph and word as well as by colour, for people who see few colours."""

    glyph: str
    word: str
    variable: str


LOOKS: dict[SeenState, Look] = {
    "preparing": Look("◌", "preparing", "state-preparing"),
    "running": Look("●", "running", "state-running"),
    "paused": Look("‖", "paused", "state-paused"),
    "stopped": Look("■", "stopped", "state-stopped"),
    "finished": Look("✓", "finished", "state-finished"),
    "failed": Look("✗", "failed", "state-failed"),
    "dead": Look("†", "dead", "state-dead"),
}

# Okabe and Ito's palette, which people with any of the common colour deficiencies can tell apart.
STATE_COLORS: dict[str, str] = {
    "state-preparing": "#7fb8d8",
    "state-running": "#56b4e9",
    "state-paused": "#f0c742",
    "state-stopped": "#9aa5b1",
    "state-finished": "#2bb58a",
    "state-failed": "#e8743b",
    "state-dead": "#d58ab4",
}


def seen_state(status: Status, *, training: bool, starting: bool = False) -> SeenState:
    """The state to show. A run that says it is alive while nobody trains it is dead.

    ``starting``: this process has a thread for it that has not begun: what the run says is of the last time.
    """
    alive = status.state in ("preparing", "running", "paused")
    if starting and not (alive and training):
        return "preparing"
    return "dead" if alive and not training else status.state


def advice(state: SeenState) -> str:
    """What a person can do about a run in this state; empty where it speaks for itself."""
    if state == "dead":
        return "Press r to go on from the newest whole checkpoint."
    if state == "failed":
        return "Mend the cause, then press r to go on from the newest whole checkpoint."
    return ""
