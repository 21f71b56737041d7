"""Where runs and data sets live on this machine."""

import os
import shlex
from pathlib import Path

import platformdirs


def home_directory(given: str | None = None) -> Path:
    """``--home``, else $DDPM_STUDIO_HOME, else the user's data directory for ddpm-studio. Made absolute."""
    chosen = given or os.environ.get("DDPM_STUDIO_HOME") or platformdirs.user_data_dir("ddpm-studio")
    return Path(chosen).expanduser().absolute()


def home_option(home: Path) -> str:
    """The option that a command needs to find this home, with a space in front; empty where it is found without."""
    return "" if home == home_directory() else f" --home {shlex.quote(str(home))}"


def runs_root(home: Path) -> Path:
    """The folder of all runs."""
    return home / "runs"


def data_root(home: Path, given: str | None = None) -> Path:
    """``--data-root``, else the folder ``data`` of the home. Made absolute."""
    return Path(given).expanduser().absolute() if given else home / "data"
