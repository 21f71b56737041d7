"""Fetch a file from the first mirror that has it whole."""

import hashlib
import http.client
import os
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ddpm.errors import DataError, MissingDataError
from ddpm.files import sync_directory
from ddpm.progress import Progress

_CHUNK = 1 << 16
_SECONDS_OF_SILENCE = 30


def fetch(urls: Sequence[str], md5: str, target: Path, progress: Progress) -> None:
    """Fetch ``target`` from the first of its addresses that answers with the right content.

    The file is whole or not there, however this ends. ``progress`` counts bytes; an exception that it raises
    ends the download. Raises DataError that says what was tried and why it failed.
    """
    failures = []
    for url in urls:
        try:
            with _placed(target) as file:
                found = _copy(
                    url, file, lambda done, total: progress(f"downloading {target.name}", done, total)
                )
                if found != md5:
                    raise _WrongContentError(f"its MD5 is {found}, not {md5}")
            return
        except (OSError, http.client.HTTPException, _WrongContentError) as error:
            failures.append(f"{url}: {getattr(error, 'reason', None) or error}")
    raise DataError(
        f"Cannot download {target.name} ({'; '.join(failures)}). Try again when the network is there, or put "
        f"the file into {target.parent}, or start ddpm-studio with a --data-root that has it."
    )


class _WrongContentError(Exception):
    pass


@contextmanager
def _placed(target: Path) -> Iterator[IO[bytes]]:
    """A new file that takes its place at ``target`` when the block ends well, and vanishes otherwise."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
        file = temporary.open("xb")
    except OSError as error:
        raise DataError(
            f"Cannot write to {target.parent}: {error.strerror}. "
            f"Start ddpm-studio with a --data-root that you may write to."
        ) from None
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(target.parent)


def _copy(url: str, file: IO[bytes], count: Callable[[int, int], None]) -> str:
    """Copy what an address answers with into ``file``; the MD5 of it."""
    digest = hashlib.md5(usedforsecurity=False)
    request = urllib.request.Request(url, headers={"User-Agent": "ddpm-studio"})
    with urllib.request.urlopen(request, timeout=_SECONDS_OF_SILENCE) as answer:
        total = int(answer.headers.get("Content-Length") or 0)
        done = 0
        count(done, total)
        while chunk := answer.read(_CHUNK):
            file.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            count(done, total)
    return digest.hexdigest()


def missing(name: str, what: str, places: Sequence[Path]) -> MissingDataError:
    """The error for a known set that could be downloaded and is in none of these places."""
    return MissingDataError(
        f"The data set {name} is not on this disk: there is no {what} in "
        f"{', '.join(str(place) for place in places)}. Fetch it with `ddpm-studio train {name} --download` "
        f"or by training on it in the app, or start ddpm-studio with a --data-root that has it."
    )
