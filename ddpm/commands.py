"""What a trainer can be told between two steps, and how that is written into an inbox and read from it.

A command is a small file: its name ends in the command's word, ``pause`` or ``lr``, and what the command needs to
know is in it as JSON: ``0.0005``, ``500``, ``"a note"``. Whoever may write into the inbox may write anything, so what
is read is bounded and checked; what is no command is None.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import pydantic
import pydantic.dataclasses
from pydantic import AfterValidator, ConfigDict, ValidationError

from ddpm.config_values import LearningRate, PreviewEvery, one_line
from ddpm.errors import UsageError
from ddpm.files import open_regular, parse_json
from ddpm.spelling import hint

CommandName = Literal["pause", "resume", "preview", "checkpoint", "stop"]
LONGEST_NOTE = 400
# Of a command's file this many bytes are read; a note of the longest length needs no more.
_MOST_BYTES = 16 * LONGEST_NOTE


def _note_words(value: str) -> str:
    words = one_line(value)
    if not words:
        raise ValueError("it says nothing")
    if len(words) > LONGEST_NOTE:
        raise ValueError(f"it is longer than {LONGEST_NOTE} characters")
    return words


_CHECKED = ConfigDict(allow_inf_nan=False, strict=True)


@pydantic.dataclasses.dataclass(frozen=True, config=_CHECKED)
class SetLearningRate:
    """Go on with another highest learning rate; the schedule stays as it is."""

    value: LearningRate


@pydantic.dataclasses.dataclass(frozen=True, config=_CHECKED)
class SetPreviewEvery:
    """Go on with another number of steps between two previews; 0: none."""

    value: PreviewEvery


@pydantic.dataclasses.dataclass(frozen=True, config=_CHECKED)
class Note:
    """Write words into the run's events."""

    value: Annotated[str, AfterValidator(_note_words)]


ValueCommand = SetLearningRate | SetPreviewEvery | Note
Command = CommandName | ValueCommand
NAMES: tuple[CommandName, ...] = get_args(CommandName)
_WITH_VALUE: dict[str, type[ValueCommand]] = {
    "lr": SetLearningRate,
    "preview-every": SetPreviewEvery,
    "note": Note,
}
WORDS: tuple[str, ...] = (*NAMES, *_WITH_VALUE)


def word_of(command: Command) -> str:
    """The word that a command's file ends in."""
    if isinstance(command, str):
        return command
    return next(word for word, kind in _WITH_VALUE.items() if type(command) is kind)


def content_of(command: Command) -> bytes:
    """What a command's file holds."""
    return b"" if isinstance(command, str) else json.dumps(command.value).encode()


def read_command(path: Path) -> Command | None:
    """The command in a file of an inbox; None for what is none, damaged or out of range. Never raises."""
    for name in NAMES:
        if _ends_in(path.name, name):
            return name
    for word in _WITH_VALUE:
        if _ends_in(path.name, word):
            try:
                with open_regular(path) as file:
                    content = file.read(_MOST_BYTES + 1)
                return _built(word, parse_json(content)) if len(content) <= _MOST_BYTES else None
            except (OSError, ValueError, UsageError):
                return None
    return None


def parse_command(words: Sequence[str]) -> Command:
    """A command as a person types it: ``pause``, ``lr 0.0005``, ``note the loss is flat``. Raises UsageError."""
    word, rest = (words[0], " ".join(words[1:])) if words else ("", "")
    for name in NAMES:
        if word == name:
            if rest:
                raise UsageError(f"{name} stands alone; what is {rest[:60]!r} for?")
            return name
    if word not in _WITH_VALUE:
        raise UsageError(f"{word!r} is not a command.{hint(word, WORDS)} There are {', '.join(WORDS)}.")
    if not rest:
        raise UsageError(f"{word} needs a value after it.")
    try:
        value = rest if word == "note" else parse_json(rest.encode())
    except ValueError:
        raise UsageError(f"{word} needs a number after it, not {rest[:60]!r}.") from None
    return _built(word, value)


def _built(word: str, value: Any) -> Command:
    try:
        return _WITH_VALUE[word](value)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"]
        reason = problem.removeprefix("Value error, ").replace("Input", "it", 1)
        raise UsageError(f"{word} cannot be {str(value)[:60]!r}: {reason}.") from None


def _ends_in(name: str, word: str) -> bool:
    return name == word or name.endswith(f"-{word}")
