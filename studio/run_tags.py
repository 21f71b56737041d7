"""Words that a person puts on a run, in a small file of its directory."""

import re
from typing import TYPE_CHECKING

from ddpm.errors import RunError
from ddpm.files import json_bytes, parse_json, read_small, replace_file

if TYPE_CHECKING:
    from ddpm.runs import Run

FILE = "tags.json"
MOST = 8
LONGEST = 24
_TAG = re.compile(rf"[\w.+-]{{1,{LONGEST}}}")


def read_tags(run: "Run") -> tuple[str, ...]:
    """The tags of a run. Anybody may have written the file: what in it is no tag is passed over."""
    try:
        found = parse_json(read_small(run.path / FILE))
    except (OSError, ValueError):
        return ()
    if not isinstance(found, list):
        return ()
    tags = [tag for tag in found if isinstance(tag, str) and _TAG.fullmatch(tag)]
    return tuple(dict.fromkeys(tags))[:MOST]


def write_tags(run: "Run", tags: tuple[str, ...]) -> None:
    """Put these in place of the tags it has. Raises RunError."""
    try:
        replace_file(run.path / FILE, json_bytes(list(tags)))
    except OSError as error:
        raise RunError(f"Cannot write the tags of the run {run.name}: {error.strerror}.") from None


def parse_tags(text: str) -> tuple[str, ...]:
    """Tags as a person types them, between spaces or commas, with # in front or without. Raises RunError."""
    tags = tuple(
        dict.fromkeys(word.removeprefix("#") for word in re.split(r"[\s,]+", text) if word.strip("#"))
    )
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise RunError(
                f"{tag[:LONGEST]!r} cannot be a tag: use 1 to {LONGEST} letters, digits, '.', '_', '+' and '-'."
            )
    if len(tags) > MOST:
        raise RunError(f"These are {len(tags)} tags; a run has at most {MOST}.")
    return tags
