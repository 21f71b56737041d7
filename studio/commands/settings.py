"""``ddpm-studio settings``: where the settings are, and every one with its meaning and default."""

import argparse
import sys

from ddpm.errors import ConfigError
from ddpm.printable import printable
from studio.settings import Settings, as_toml, read_settings, settings_path


def add_options(parser: argparse.ArgumentParser) -> None:
    """``settings`` has no options of its own."""
    parser.epilog = (
        "To change one, save what this prints as the file that its first line names, and edit that. Options of the "
        "command come before the environment (DDPM_STUDIO_THEME, ...), and that before the file."
    )


def command(arguments: argparse.Namespace) -> int:
    """Print the settings in force and every key as TOML. Raises ConfigError where their file is broken: after the
    defaults, which show how to mend it."""
    path = settings_path()
    try:
        settings = read_settings(path)
    except ConfigError:
        _print(Settings(), f"# Settings of ddpm-studio. {path} is broken, so these are the defaults.")
        sys.stdout.flush()  # before the error
        raise
    there = "" if path.exists() else " (it is not there yet, so these are the defaults)"
    _print(settings, f"# Settings of ddpm-studio, read from {path}{there}.")
    return 0


def _print(settings: Settings, title: str) -> None:
    from studio.keymap import keymap_of, reference

    print(printable(title) + "\n")
    sys.stdout.write(as_toml(settings))
    keymap = keymap_of(settings.keymap)
    for problem in keymap.problems:
        print(printable(f"# Not used: {problem}."))
    sys.stdout.write(reference(keymap))
