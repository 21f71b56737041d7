"""Opens the terminal app. Nothing heavy is imported before a terminal is known to be there."""

import argparse
import gc
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from ddpm.errors import ConfigError

if TYPE_CHECKING:
    from ddpm.runs import Run

IMAGE_PROTOCOLS = ("auto", "kitty", "sixel", "half", "none")


def add_looks(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """Options for how the app looks. Those not given are ``default``, and then what the person has set for good."""
    parser.add_argument(
        "--images", choices=IMAGE_PROTOCOLS, default=default, help="how the app shows pictures (default auto)"
    )
    parser.add_argument("--theme", metavar="NAME", default=default, help="the colours of the app")
    parser.add_argument(
        "--ascii",
        action=argparse.BooleanOptionalAction,
        default=default,
        help="the app draws with the characters of ASCII only",
    )


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
        from studio.opening import run_app
        from studio.settings import settings_or_defaults
        from studio.terminal import find_pictures, has_truecolor, use_truecolor

        settings, problem = settings_or_defaults()
        given = {name: getattr(arguments, name) for name in ("images", "theme", "ascii")}
        asked = {name: value for name, value in given.items() if value is not None}
        settings = replace(settings, **asked)
        said = answer()
        # Letters are made of half cells. Whoever asks for a protocol by its name has it.
        images = "half" if settings.ascii and settings.images == "auto" else settings.images
        pictures = find_pictures(images, said)
        if said.truecolor or has_truecolor(os.environ):
            use_truecolor()
    gc.freeze()
    gc.enable()
    home = home_directory(arguments.home)
    return run_app(home, data_root(home, arguments.data_root), pictures, settings, show, greeting, problem)
