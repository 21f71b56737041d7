"""What a stranger may have written in place of a good file: strategies for hypothesis."""

import copy
import json
from typing import Any

from hypothesis import strategies as st

TEXTS = (
    "",
    "../../../etc/passwd",
    "/etc/passwd",
    "..",
    "a\x00b",
    "\x1b]0;title\x07\x1b[31mred",
    "\u202egnp.exe",
    "\udcff",
    "9" * 400,
    "cuda:0",
    "x" * 3000,
)
NUMBERS = (0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**400, 0.5, -0.0, 1e308, float("inf"), float("nan"))
DEEP = b"[" * 20_000
TOKENS = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b",",
    b":",
    b"\n",
    b"\0",
    b"\xff",
    b"1e999",
    b"NaN",
    b"null",
    b"-",
    DEEP,
)


def values() -> st.SearchStrategy[Any]:
    """Any JSON value, strange ones first."""
    leaves = st.sampled_from((None, True, False, *TEXTS, *NUMBERS))
    return leaves | st.lists(leaves, max_size=3) | st.dictionaries(st.sampled_from(TEXTS), leaves, max_size=3)


def damaged(good: bytes) -> st.SearchStrategy[bytes]:
    """A file with up to four places overwritten, cut or stuffed."""
    places = st.integers(0, len(good))
    stuffing = st.sampled_from(TOKENS) | st.binary(max_size=8)
    cuts = st.sampled_from((0, 1, 2, 8, len(good)))

    def splice(changes: list[tuple[int, bytes, int]]) -> bytes:
        content = good
        for place, stuff, cut in changes:
            content = content[:place] + stuff + content[place + cut :]
        return content

    return st.builds(splice, st.lists(st.tuples(places, stuffing, cuts), min_size=1, max_size=4))


def changed(good: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A document with one or two of its values, however deep, replaced or taken away."""
    paths = list(_paths(good))

    def change(changes: list[tuple[tuple[str, ...], Any, bool]]) -> dict[str, Any]:
        document = copy.deepcopy(good)
        for path, value, remove in changes:
            place: Any = document
            for key in path[:-1]:
                place = place.get(key) if isinstance(place, dict) else None
            if isinstance(place, dict):
                if remove:
                    place.pop(path[-1], None)
                else:
                    place[path[-1]] = value
        return document

    one = st.tuples(st.sampled_from(paths), values(), st.booleans())
    return st.builds(change, st.lists(one, min_size=1, max_size=2))


def files(good: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """A JSON file that is damaged as bytes, or sound and says something else."""
    as_bytes = json.dumps(good).encode()
    return changed(good).map(lambda document: json.dumps(document).encode()) | damaged(as_bytes)


def _paths(document: dict[str, Any], above: tuple[str, ...] = ()) -> Any:
    for key, value in document.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from _paths(value, (*above, key))
