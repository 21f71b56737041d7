"""What a run looks like from outside: the trainer's last word, and whether the trainer still lives."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ddpm.runs import Status

SeenState = Literal[
    "preparing", "running", "paused", "stalled", "stopped", "finished", "failed", "dead", "gone"
]
ALIVE: tuple[SeenState, ...] = ("preparing", "running", "paused", "stalled")
# A trainer gives a sign of life every second, but for a step, a checkpoint or a file that takes longer.
SILENT_SECONDS = 60.0


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
    "stalled": Look("▲", "stalled", "state-stalled"),
    "stopped": Look("■", "stopped", "state-stopped"),
    "finished": Look("✓", "finished", "state-finished"),
    "failed": Look("✗", "failed", "state-failed"),
    "dead": Look("†", "dead", "state-dead"),
    "gone": Look("○", "gone", "state-stopped"),
}

# Okabe and Ito's palette, which people with any of the common colour deficiencies can tell apart.
STATE_COLORS: dict[str, str] = {
    "state-preparing": "#7fb8d8",
    "state-running": "#56b4e9",
    "state-paused": "#f0c742",
    "state-stalled": "#e69f00",
    "state-stopped": "#9aa5b1",
    "state-finished": "#2bb58a",
    "state-failed": "#e8743b",
    "state-dead": "#d58ab4",
}
# The same hues, dark enough to be read on a light ground.
STATE_COLORS_ON_LIGHT: dict[str, str] = {
    "state-preparing": "#2b6f94",
    "state-running": "#005f95",
    "state-paused": "#7a6200",
    "state-stalled": "#8f5a00",
    "state-stopped": "#56616d",
    "state-finished": "#00694c",
    "state-failed": "#ad4310",
    "state-dead": "#96487a",
}


def seen_state(
    status: "Status", *, training: bool, starting: bool = False, now: float | None = None
) -> SeenState:
    """The state to show. A run that says it is alive is dead while nobody trains it, and stalled while its process
    has given no sign of life for a minute.

    ``starting``: this process has a thread for it that has not begun: what the run says is of the last time. ``now``
    is this machine's clock, in seconds since 1970. A trainer whose clock is ahead of it is never stalled; one whose
    clock is more than a minute behind always seems to be.
    """
    alive = status.state in ("preparing", "running", "paused")
    if starting and not (alive and training):
        return "preparing"
    if alive and not training:
        return "dead"
    silence = (time.time() if now is None else now) - status.heartbeat
    return "stalled" if alive and status.heartbeat and silence > SILENT_SECONDS else status.state


def advice(state: SeenState) -> str:
    """What a person can do about a run in this state; empty where it speaks for itself."""
    if state == "dead":
        return "Press r to go on from the newest whole checkpoint."
    if state == "failed":
        return "Mend the cause, then press r to go on from the newest whole checkpoint."
    if state == "gone":
        return "If it has another name now, the list of runs has it: press esc."
    return ""


def nobody_listens(state: SeenState) -> str:
    """Why a run in this state cannot be told anything."""
    if state == "preparing":
        return "It is still opening its data: tell it once it trains."
    return f"The run is {LOOKS[state].word}, so nobody would hear it."


def silence_words(status: "Status") -> str:
    """What may be wrong with a trainer that gives no sign of life, and what to do."""
    return (
        "It may be in a long step, compiling its network, waiting for a disk, or suspended: "
        f"`kill -CONT {status.pid}` on {status.host or 'its machine'} wakes it up, `kill -9 {status.pid}` ends it."
    )
