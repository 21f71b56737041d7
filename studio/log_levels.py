"""How grave each event of a run is. Knows no screen."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

Level = Literal["info", "warning", "error"]
LEVELS: tuple[Level, ...] = get_args(Level)
# What a log that shows a level and all that is graver is called.
TITLES: dict[Level, str] = {"info": "log", "warning": "log: warnings and errors", "error": "log: errors"}
_GRAVE: dict[str, Level] = {
    "warning": "warning",
    "non-finite": "warning",
    "rolled-back": "warning",
    "failed": "error",
}


def level_of(event: Mapping[str, Any]) -> Level:
    """The level of an event of events.jsonl; what this version does not know is information."""
    return _GRAVE.get(str(event.get("kind")), "info")


def at_least(event: Mapping[str, Any], level: Level) -> bool:
    """Whether an event is as grave as that, or graver."""
    return LEVELS.index(level_of(event)) >= LEVELS.index(level)


def next_level(level: Level) -> Level:
    """The level that shows less, and after the gravest the one that shows everything."""
    return LEVELS[(LEVELS.index(level) + 1) % len(LEVELS)]
