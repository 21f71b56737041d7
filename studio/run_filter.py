"""The language of the filter above the list of runs: ``mnist state:running -tag:old *-v2``.

Words stand for runs whose name, data set or tags contain them; with ``*`` or ``?`` they are globs for the whole of
one of these. ``name:``, ``state:``, ``data:`` and ``tag:`` look at one thing, where several may be named with commas
between them; a state may be shortened. A minus in front turns a word round. All words must hold; case never matters.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import get_args

from studio.run_state import SeenState
from studio.run_summaries import RunSummary

_TEXTS: dict[str, Callable[[RunSummary], tuple[str, ...]]] = {
    "name": lambda summary: (summary.name,),
    "data": lambda summary: (summary.source,),
    "tag": lambda summary: summary.tags,
    "state": lambda summary: (summary.state,),
}
_ANYWHERE = ("name", "data", "tag")


@dataclass(frozen=True)
class _Word:
    """One word of a filter: where to look, for any of which patterns, and whether a match is unwanted."""

    keys: tuple[str, ...]
    patterns: tuple[str, ...]
    negated: bool

    def matches(self, summary: RunSummary) -> bool:
        texts = [text.lower() for key in self.keys for text in _TEXTS[key](summary)]
        found = any(_fits(text, pattern) for text in texts for pattern in self.patterns)
        return found != self.negated


@dataclass(frozen=True)
class RunFilter:
    """What a person typed, understood. ``problem`` says what was not; such words are left out."""

    words: tuple[_Word, ...] = ()
    problem: str = ""

    def matches(self, summary: RunSummary) -> bool:
        """Whether the run is to be shown."""
        return all(word.matches(summary) for word in self.words)

    @property
    def is_empty(self) -> bool:
        return not self.words

    @property
    def needs_details(self) -> bool:
        """Whether it looks at what is not known of every run from the start: the data set, the tags."""
        return any(key in ("data", "tag") for word in self.words for key in word.keys)


def parse_filter(text: str) -> RunFilter:
    """Read a filter. Never raises: it is read while it is being typed."""
    words, problems = [], []
    for typed in text.lower().split():
        word = _parse_word(typed)
        problem = _problem(word) if word else ""
        if problem:
            problems.append(problem)
        elif word:
            words.append(word)
    return RunFilter(tuple(words), problems[0] if problems else "")


def _parse_word(typed: str) -> _Word | None:
    """A word; None where nothing is looked for yet, as in ``state:``."""
    negated = typed.startswith("-")
    key, colon, value = typed.removeprefix("-").partition(":")
    if not colon:
        return _Word(_ANYWHERE, (key.removeprefix("#"),), negated) if key.strip("#") else None
    patterns = tuple(pattern for pattern in value.split(",") if pattern)
    return _Word((key,), patterns, negated) if patterns or key not in _TEXTS else None


def _problem(word: _Word) -> str:
    key = word.keys[0]
    if key not in _TEXTS:
        return f"there is no {key}: — look for {', '.join(f'{known}:' for known in _TEXTS)}"
    if key == "state":
        states: tuple[str, ...] = get_args(SeenState)
        for pattern in word.patterns:
            if not any(_fits(state, pattern) for state in states):
                return f"no state is {pattern!r}; they are {', '.join(states)}"
    return ""


def _fits(text: str, pattern: str) -> bool:
    is_glob = any(character in pattern for character in "*?")
    return fnmatchcase(text, pattern) if is_glob else pattern in text
