"""A parser of the command line that says which option there is not, and which was likely meant."""

import argparse
import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from ddpm.errors import ConfigError


class CommandParser(argparse.ArgumentParser):
    """argparse's, whose subcommands refuse what they do not know themselves, in one sentence."""

    def parse_known_args(self, args: Iterable[str] | None = None, namespace: Any = None) -> Any:
        """As argparse, but nothing is handed back as unknown. Raises ConfigError that names it."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            raise ConfigError(self._refusal(unknown))
        return known, unknown

    def _refusal(self, unknown: Sequence[str]) -> str:
        command = self.prog.partition(" ")[2] or self.prog
        # The other words may be values of an option that there is not.
        word = next((word for word in unknown if word.startswith("-")), None)
        if word is None:
            return f"{command} takes nothing more, so {unknown[0]!r} is too much. See {self.prog} --help."
        option = word.partition("=")[0]
        hint = f"Did you mean {near}?" if (near := self._nearest(option)) else f"See {self.prog} --help."
        return f"{command} has no option {option}. {hint}"

    def _nearest(self, option: str) -> str:
        """The option that is spelled most like this one, with or without its section."""
        named = {name: name for name in self._option_string_actions}
        sectionless = {f"--{name.rpartition('.')[2]}": name for name in named if "." in name}
        meant = {spelling.replace("_", "-"): name for spelling, name in {**sectionless, **named}.items()}
        near = difflib.get_close_matches(option.replace("_", "-"), meant, n=1)
        return meant[near[0]] if near else ""


def place_options() -> CommandParser:
    """The options of every command: where runs and data sets are. A parent of other parsers."""
    places = CommandParser(add_help=False)
    places.add_argument(
        "--home",
        metavar="DIR",
        default=argparse.SUPPRESS,
        help="where runs are kept (else $DDPM_STUDIO_HOME)",
    )
    places.add_argument(
        "--data-root", metavar="DIR", default=argparse.SUPPRESS, help="where data sets are (else HOME/data)"
    )
    return places
