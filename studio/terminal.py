"""How this terminal shows pictures, settled once, before the app starts.

The library that draws pictures asks the terminal questions of its own when it is imported, waits 0.1 s for each
answer and takes what is typed meanwhile for one. `studio.terminal_question` has asked already: so the library is
imported here, as if there were no terminal, and nowhere else.
"""

import importlib
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from textual.widget import Widget

from studio.terminal_question import Answer

Protocol = Literal["kitty", "sixel", "half", "none"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)


@dataclass(frozen=True)
class Pictures:
    """How pictures are shown, and the pixels of one character cell."""

    protocol: Protocol
    cell_width: int
    cell_height: int

    @cached_property
    def widget(self) -> type[Widget]:
        """The class of the widget that shows one; not to be asked for with the protocol ``none``.

        The first call imports the library, which takes 0.1 s: make it in a thread.
        """
        output = sys.__stdout__
        try:
            with open("/dev/null", "w") as nowhere:  # noqa: PTH123
                sys.__stdout__ = nowhere  # type: ignore[misc]
                library = importlib.import_module("textual_image.widget")
                terminal = importlib.import_module("textual_image._terminal")
        finally:
            sys.__stdout__ = output  # type: ignore[misc]
        # Where it keeps the answer to its question; it would ask while the app reads the keyboard.
        terminal.get_cell_size._result = terminal.CellSize(self.cell_width, self.cell_height)
        classes: dict[str, type[Widget]] = {
            "kitty": library.TGPImage,
            "half": library.HalfcellImage,
            # The one in the package's front can show sixels only where the library itself has asked for them.
            "sixel": importlib.import_module("textual_image.widget.sixel").Image,
        }
        return classes[self.protocol]


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
    if chosen in ("half", "none"):
        return Pictures(chosen, 1, 2)  # two pixels to a character
    return Pictures(chosen, answer.cell_width, answer.cell_height)
