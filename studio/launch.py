"""Opens the terminal app. Nothing heavy is imported before a terminal is known to be there."""

import argparse
import gc
import sys
from typing import TYPE_CHECKING

from ddpm.errors import ConfigError

if TYPE_CHECKING:
    from ddpm.runs import Run

IMAGE_PROTOCOLS = ("auto", "kitty", "sixel", "half", "none")


def open_app(arguments: argparse.Namespace, show: "Run | None" = None, greeting: str = "") -> int:
    """Start the app, in the monitor of the run to ``show`` or in the list of runs, and with a word to its user.

    Returns the exit code when it is left. Raises ConfigError when there is no terminal to show it.
    """
    # Textual reads stdin and draws on stderr.
    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        raise ConfigError(
            "The app needs a terminal. Without one, use `ddpm-studio train DATA` and `ddpm-studio runs`."
        )
    from studio import terminal_question
    from studio.home import data_root, home_directory

    gc.disable()  # what is imported stays; looking through it for garbage is a tenth of the way to the first paint
    with terminal_question.asked() as answer:
        from studio.app import run_app
        from studio.terminal import find_pictures

        pictures = find_pictures(arguments.images, answer())
    gc.freeze()
    gc.enable()
    home = home_directory(arguments.home)
    return run_app(home, data_root(home, arguments.data_root), pictures, show, greeting)
