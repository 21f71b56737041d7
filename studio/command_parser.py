"""A parser of the command line that says which option there is not, and which was likely meant."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from ddpm.errors import ConfigError
from ddpm.spelling import hint, nearest


class _NoSuchChoiceError(Exception):
    """A word that is none of those that can stand in its place."""

    def __init__(self, action: argparse.Action, word: str, names: Sequence[str]) -> None:
        option = action.option_strings[-1:]
        what = f"{option[0]}: there is no" if option else f"There is no {str(action.metavar).lower()}"
        self.word = word
        super().__init__(f"{what} {word!r}.{hint(word, names)} There are {', '.join(names)}.")


class CommandParser(argparse.ArgumentParser):
    """argparse's, whose subcommands refuse what they do not know themselves, in one sentence."""

    def parse_known_args(self, args: Iterable[str] | None = None, namespace: Any = None) -> Any:
        """As argparse, but nothing is handed back as unknown. Raises ConfigError that names it."""
        words = list(sys.argv[1:] if args is None else args)
        try:
            known, unknown = super().parse_known_args(words, namespace)
        except _NoSuchChoiceError as error:
            # Behind an option that there is not the word was meant as its value.
            at = words.index(error.word) if error.word in words else len(words)
            known, unknown = None, self._unknown_options(words[:at])
            if not unknown:
                raise ConfigError(str(error)) from None
        if unknown:
            raise ConfigError(self._refusal(unknown))
        return known, unknown

    def _unknown_options(self, words: Sequence[str]) -> list[str]:
        options = [word for word in words if word.startswith("-")]
        return [option for option in options if option.partition("=")[0] not in self._option_string_actions]

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            raise _NoSuchChoiceError(action, value, list(action.choices))

    def _refusal(self, unknown: Sequence[str]) -> str:
        command = self.prog.partition(" ")[2] or self.prog
        # The other words may be values of an option that there is not.
        word = next((word for word in unknown if word.startswith("-")), None)
        if word is None:
            return f"{command} takes nothing more, so {unknown[0]!r} is too much. See {self.prog} --help."
        option = word.partition("=")[0]
        advice = f"Did you mean {near}?" if (near := self._nearest(option)) else f"See {self.prog} --help."
        return f"{command} has no option {option}. {advice}"

    def _nearest(self, option: str) -> str:
        """The option that is spelled most like this one, with or without its section."""
        named = {name: name for name in self._option_string_actions}
        sectionless = {f"--{name.rpartition('.')[2]}": name for name in named if "." in name}
        meant = {spelling.replace("_", "-"): name for spelling, name in {**sectionless, **named}.items()}
        return meant.get(nearest(option.replace("_", "-"), meant), "")


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
