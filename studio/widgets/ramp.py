"""Colours for numbers between 0 and 1: each lighter than the one before, so that greys and colour-blind eyes agree."""

import numpy as np
from numpy.typing import NDArray
from rich.color import Color

from studio.growing import Floats

# Nine of the colours of viridis (van der Walt & Smith 2015), and those of the 256 of a terminal that are closest to
# them and still rise in lightness.
VIRIDIS = (
    "#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725",
)  # fmt: skip
TERMINAL_256 = (53, 54, 24, 30, 36, 71, 113, 190, 226)
SHADES = " .:-=+*#@"
STEPS = 33


def colors(color_system: str | None) -> list[Color]:
    """The ramp from low to high in a terminal of this colour system, as rich names it."""
    if color_system in ("256", "standard"):
        return [Color.from_ansi(number) for number in TERMINAL_256]
    stops = np.array([[int(name[at : at + 2], 16) for at in (1, 3, 5)] for name in VIRIDIS])
    places = np.linspace(0, len(stops) - 1, STEPS)
    channels = [np.interp(places, range(len(stops)), stops[:, channel]).round() for channel in range(3)]
    return [Color.from_rgb(*map(int, rgb)) for rgb in zip(*channels, strict=True)]


def steps(shares: Floats, count: int) -> NDArray[np.int64]:
    """Which of ``count`` steps each share belongs to; -1 for NaN."""
    known = np.nan_to_num(shares, nan=0.0)
    found = np.minimum((known * count).astype(np.int64), count - 1)
    return np.where(np.isfinite(shares), found, -1)
