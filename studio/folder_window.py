"""Opens a folder in a window of the desktop, where there is one; says why not where there is none."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PATIENCE = 3.0  # seconds in which a program that cannot open it is expected to say so


def why_no_window(environment: Mapping[str, str] = os.environ) -> str:
    """Why no window can be opened; empty where one can be."""
    if environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"):
        return "this terminal is on another machine"
    if sys.platform != "darwin" and not (environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")):
        return "there is no display"
    return "" if shutil.which(_program()) else f"there is no {_program()}"


def open_folder(path: Path) -> str:
    """Open it; returns why that did not work, or nothing. Waits a few seconds at most: call it in a thread."""
    if reason := why_no_window():
        return reason
    try:
        opening = subprocess.Popen(
            [_program(), str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        code = opening.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        return ""  # it shows the folder as long as it lives
    except OSError as error:
        return f"{_program()} cannot be started: {error.strerror}"
    return f"{_program()} failed with code {code}" if code else ""


def _program() -> str:
    return "open" if sys.platform == "darwin" else "xdg-open"
