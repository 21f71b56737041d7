"""One event of a run as a line of the log."""

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from ddpm.printable import printable
from studio import figures
from studio.log_levels import level_of
from studio.run_series import number

_GLYPHS = {
    "started": ("▶", "state-running"),
    "resumed": ("▶", "state-running"),
    "preparing": ("◌", "state-preparing"),
    "running": ("●", "state-running"),
    "paused": ("‖", "state-paused"),
    "preview": ("▦", "secondary"),
    "checkpoint": ("◆", "primary"),
    "stopped": ("■", "state-stopped"),
    "finished": ("✓", "state-finished"),
    "failed": ("✗", "state-failed"),
    "changed": ("±", "secondary"),
    "note": ("✎", "secondary"),
    "non-finite": ("∞", "state-failed"),
    "rolled-back": ("↶", "state-paused"),
    "warning": ("!", "state-paused"),
}


def log_line(event: Mapping[str, Any], colors: Mapping[str, str]) -> Text:
    """Time, glyph, what happened, at which step, and the message. ``colors``: the theme's variables."""
    kind = printable(str(event.get("kind", "?")))
    glyph, variable = _GLYPHS.get(kind, ("·", "foreground"))
    color = colors.get(variable, "")
    grave = level_of(event) != "info"
    line = Text(figures.clock(number(event.get("time"))), "dim")
    line.append(f" {glyph} ", color)
    line.append(kind, f"bold {color}" if grave else "bold" if kind == "finished" else "")
    step = event.get("step")
    if isinstance(step, int) and step > 0:
        line.append(f" {step:,}", "bold")
    if message := printable(str(event.get("message", ""))):
        line.append(f" {message}", "" if grave else "dim")
    return line
