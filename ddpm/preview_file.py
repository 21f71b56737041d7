"""How the files of previews are named, and which there are."""

import os
import re
from pathlib import Path

# Steps as a trainer writes them.
_STEP = re.compile(r"[0-9]{8,18}")


def preview_name(step: int, weights: str) -> str:
    """The name of a preview's files, without suffix: ``00001000``, or ``00001000.raw`` of the raw weights."""
    return f"{step:08d}.raw" if weights == "raw" else f"{step:08d}"


def preview_steps(folder: Path) -> tuple[int, ...]:
    """The steps that there are previews of, rising; reads the names of the files only."""
    try:
        names = {entry.name for entry in os.scandir(folder)}
    except OSError:
        return ()
    stems = {name[:-5] for name in names if name.endswith(".json")}
    return tuple(sorted(int(stem) for stem in stems if _STEP.fullmatch(stem) and f"{stem}.png" in names))
