"""Which name was likely meant by one that there is not."""

import difflib
from collections.abc import Iterable


def nearest(word: str, names: Iterable[str]) -> str:
    """The name that is spelled most like the word, whatever its case; empty where none is much like it."""
    meant = {name.lower(): name for name in names}
    near = difflib.get_close_matches(word.lower(), meant, n=1)
    return meant[near[0]] if near else ""


def hint(word: str, names: Iterable[str]) -> str:
    """The question whether one was meant, to be put behind a sentence; empty where no name is much like the word."""
    near = nearest(word, names)
    return f" Did you mean {near}?" if near else ""
