"""Reads a run directory bit by bit, the same way for a run of this process, of another, or of last week."""

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ddpm.config import Config
from ddpm.errors import ConfigError
from ddpm.files import SMALL, open_regular, parse_json, parse_json_lines, read_small
from ddpm.preview_file import preview_name, preview_steps
from ddpm.runs import Preview, Run, Status
from studio.metrics_sample import sample_rows

# A quarter of a megabyte is about a thousand rows: a few milliseconds of work for the one who takes them in.
READ_LIMIT = 1 << 18
# A folder that changed less than so long ago may change again without another time: some disks count in two seconds.
SETTLED_SECONDS = 3.0


class LineTail:
    """Follows a .jsonl file: each read returns the rows that came since the last one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity: tuple[int, int] | None = None
        self._offset = 0
        self._unfinished = b""

    def read(self, limit: int = READ_LIMIT) -> tuple[list[dict[str, Any]], bool, bool]:
        """(new rows, whether the file began again, whether more is waiting).

        A file that was replaced or has shrunk is read from its start: forget the older rows. Rows without an
        end of line are left for the next read. Never raises OSError: a file that is not there has no rows.
        """
        try:
            with open_regular(self._path) as file:
                status = os.fstat(file.fileno())
                began_again = self._begin_again_if_other((status.st_dev, status.st_ino), status.st_size)
                file.seek(self._offset)
                # No more than there is: room for all that could be would be taken and given back at each look.
                content = file.read(min(limit, status.st_size - self._offset))
        except OSError:
            began_again = self._identity is not None
            self._forget()
            return [], began_again, False
        self._offset += len(content)
        whole, newline, rest = (self._unfinished + content).rpartition(b"\n")
        # A row without end is none; it would only fill the memory.
        self._unfinished = rest if len(rest) <= SMALL else b""
        rows = list(parse_json_lines(whole)) if newline else []
        return rows, began_again, self._offset < status.st_size

    def _begin_again_if_other(self, identity: tuple[int, int], length: int) -> bool:
        if self._identity == identity and length >= self._offset:
            return False
        known = self._identity is not None
        self._forget()
        self._identity = identity
        return known

    def _forget(self) -> None:
        self._identity, self._offset, self._unfinished = None, 0, b""


class PreviewFolder:
    """The previews of a run; listed again only where the folder has changed, as there may be thousands."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed: int | None = None
        self._steps: tuple[int, ...] = ()

    def steps(self) -> tuple[int, ...]:
        """The steps that there are previews of now, rising."""
        try:
            changed = self._path.stat().st_mtime_ns
        except OSError:
            changed = None
        if changed is None or changed != self._changed:
            self._steps = preview_steps(self._path)
            is_settled = changed is not None and time.time() - changed / 1e9 > SETTLED_SECONDS
            self._changed = changed if is_settled else None
        return self._steps


@dataclass(frozen=True)
class News:
    """What a poll found. ``rows`` and ``events`` hold only what is new since the last poll.

    ``sample``: rows from all over a long file, from the first poll of it: an overview until there is no ``more``.
    ``gone``: the run was deleted or renamed, and the rest says nothing.
    """

    status: Status
    training: bool
    config: Config | None
    problem: str
    rows: list[dict[str, Any]]
    rows_began_again: bool
    events: list[dict[str, Any]]
    events_began_again: bool
    preview_steps: tuple[int, ...]
    more: bool
    gone: bool = False
    sample: tuple[dict[str, Any], ...] = ()


_GONE = News(Status(state="stopped"), False, None, "", [], False, [], False, (), more=False, gone=True)


class RunFeed:
    """Polls one run. Not thread-safe: call ``poll`` from one thread at a time, any thread."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._was_gone = False
        self._config_time = -1
        self._config: Config | None = None
        self._problem = ""
        self._sampled = False
        self._metrics = LineTail(run.metrics_path)
        self._events = LineTail(run.events_path)
        self._previews = PreviewFolder(run.previews_path)

    def poll(self) -> News:
        """Read what is new; at most 256 KiB of each file; ``more``: come back at once."""
        news = self._read()
        if not self.run.is_there():  # asked last, as it may go while it is read
            self._was_gone = True
            self._metrics, self._events = LineTail(self.run.metrics_path), LineTail(self.run.events_path)
            return _GONE
        if self._was_gone:
            # Another run of that name, or this one under its name again.
            self._was_gone = False
            return replace(news, rows_began_again=True, events_began_again=True)
        return news

    def _read(self) -> News:
        # The lock before the status: a trainer writes its last word and then lets go, so that reading in
        # this order never takes a run that has just ended for one whose process died.
        training = self.run.is_training()
        status = self.run.status()
        self._read_config()
        sample = () if self._sampled else tuple(sample_rows(self.run.metrics_path))
        self._sampled = True
        rows, rows_began_again, more_rows = self._metrics.read()
        events, events_began_again, more_events = self._events.read()
        return News(
            status=status,
            training=training,
            config=self._config,
            problem=self._problem,
            rows=rows,
            rows_began_again=rows_began_again,
            events=events,
            events_began_again=events_began_again,
            preview_steps=self._previews.steps(),
            more=more_rows or more_events,
            sample=sample,
        )

    def _read_config(self) -> None:
        try:
            changed = self.run.config_path.stat().st_mtime_ns
        except OSError as error:
            self._config, self._problem = None, f"{self.run.config_path} cannot be read: {error.strerror}."
            return
        if changed == self._config_time:
            return
        self._config_time = changed
        try:
            self._config, self._problem = self.run.config(), ""
        except ConfigError as error:
            self._config, self._problem = None, str(error)


def newest_preview(run: Run) -> Preview | None:
    """The newest whole preview; reads the names of all and the recipe of one."""
    for step in reversed(preview_steps(run.previews_path)):
        if preview := read_preview(run, step):
            return preview
    return None


def read_preview(run: Run, step: int, weights: str = "ema") -> Preview | None:
    """The preview of a step, by the ``weights`` ema or raw; None where it is not there or its recipe is damaged."""
    image = run.previews_path / f"{preview_name(step, weights)}.png"
    try:
        recipe = parse_json(read_small(image.with_suffix(".json")))
    except (OSError, ValueError):
        return None
    return Preview(step, image, recipe) if isinstance(recipe, dict) else None


def last_row(path: Path) -> dict[str, Any] | None:
    """The last whole row of a .jsonl file, read from its end."""
    try:
        with open_regular(path) as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(max(0, length - 4096))
            content = file.read()
    except OSError:
        return None
    rows = list(parse_json_lines(content))
    return rows[-1] if rows else None
