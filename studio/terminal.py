"""What this terminal can show as a picture, found out once, before the app starts.

The library that draws pictures asks the terminal when it is imported. Later its question would race with the
app's own reading of the keyboard, and where there is no terminal to ask it can fail: so it is imported here,
under guard, and nowhere else.
"""

import importlib
import sys
from dataclasses import dataclass
from typing import Any, Literal, get_args

from textual.widget import Widget

ImageMode = Literal["auto", "kitty", "sixel", "half", "none"]
Protocol = Literal["kitty", "sixel", "half", "none"]
IMAGE_MODES: tuple[str, ...] = get_args(ImageMode)


@dataclass(frozen=True)
class Pictures:
    """How pictures are shown: the widget class to make, and the pixels of one character cell."""

    protocol: Protocol
    widget: type[Widget] | None
    cell_width: int
    cell_height: int


NO_PICTURES = Pictures("none", None, 1, 2)


def find_pictures(mode: str = "auto") -> Pictures:
    """Pick the way to show pictures: ``auto`` asks the terminal, the others are taken at their word.

    Falls back to half cells (two pixels to a character, works everywhere) wherever asking fails. Raises
    ValueError for a mode that is not one.
    """
    if mode not in IMAGE_MODES:
        raise ValueError(
            f"--images {mode!r} is not a way to show pictures: it should be one of {', '.join(IMAGE_MODES)}."
        )
    if mode == "none":
        return NO_PICTURES
    # What was chosen need not be asked for, and a terminal that does not answer costs 0.3 s.
    module = _import_guarded() if mode == "auto" else _import_unasked()
    if module is None:
        return NO_PICTURES
    protocol = _protocol_of() if mode == "auto" else mode
    if protocol == "kitty":
        return Pictures("kitty", module.TGPImage, *_cell_size())
    if protocol == "sixel":
        # The class in the package's front is the other kind of sixel picture only when the terminal said so.
        sixel = importlib.import_module("textual_image.widget.sixel")
        return Pictures("sixel", sixel.Image, *_cell_size())
    return Pictures("half", module.HalfcellImage, 1, 2)


def _import_guarded() -> Any:
    try:
        return importlib.import_module("textual_image.widget")
    except Exception:
        # The question to the terminal failed (no keyboard, closed output). With outputs that are no terminal
        # it is not asked at all, and half cells still work.
        return _import_unasked()


def _import_unasked() -> Any:
    for name in [name for name in sys.modules if name.partition(".")[0] == "textual_image"]:
        del sys.modules[name]
    output = sys.__stdout__
    try:
        with open("/dev/null", "w") as nowhere:  # noqa: PTH123
            sys.__stdout__ = nowhere  # type: ignore[misc]
            return importlib.import_module("textual_image.widget")
    except Exception:
        return None
    finally:
        sys.__stdout__ = output  # type: ignore[misc]


def _protocol_of() -> Protocol:
    renderable = importlib.import_module("textual_image.renderable")
    if not (sys.__stdout__ and sys.__stdout__.isatty()):
        return "half"
    if renderable.Image is renderable.TGPImage:
        return "kitty"
    return "sixel" if renderable.Image is renderable.SixelImage else "half"


def _cell_size() -> tuple[int, int]:
    size = importlib.import_module("textual_image._terminal").get_cell_size()
    return max(1, int(size.width)), max(1, int(size.height))
