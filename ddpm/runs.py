"""The run directory: everything that a trainer says about itself, in files that any program can read.

config.toml      the recipe            metrics.jsonl   one row a logged step
status.json      state and heartbeat   events.jsonl    what happened, when and why
previews/        PNG and JSON          checkpoints/    see ddpm.checkpoint
snapshots/       averages to combine   inbox/           commands as files
lock             held by the process that trains
trainer.log      what a trainer without a terminal says
"""

import errno
import heapq
import os
import re
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import pydantic.dataclasses
from pydantic import AfterValidator

from ddpm import recipe_file, run_lock
from ddpm.checkpoint import Checkpoint, list_checkpoints
from ddpm.commands import Command, content_of, read_command, word_of
from ddpm.config import Config
from ddpm.errors import RunError, RunNameError
from ddpm.events import State
from ddpm.files import (
    append_json_line,
    identity,
    json_bytes,
    parse_json,
    read_json_lines,
    read_small,
    remove_folder,
    replace_file,
)
from ddpm.preview_file import preview_name, preview_steps
from ddpm.printable import printable
from ddpm.progress import Told, untold
from ddpm.rewinding import forget_rows_after

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
# Files that are taken from an inbox at once: others, however many there are, wait for the next step.
_MOST_COMMANDS = 1000

Words = Annotated[str, AfterValidator(printable)]
_PARTS = (
    "config.toml",
    "status.json",
    "metrics.jsonl",
    "events.jsonl",
    "previews",
    "checkpoints",
    "snapshots",
    "inbox",
    "lock",
    "trainer.log",
)


# Checked when read: a status may be damaged, or written by someone else.
@pydantic.dataclasses.dataclass(frozen=True, config=pydantic.ConfigDict(extra="ignore", allow_inf_nan=False))
class Status:
    """The trainer's last word about a run. Times are seconds since 1970."""

    state: State
    step: int = 0
    images_seen: int = 0
    steps: int = 0
    message: Words = ""
    pid: int = 0
    host: Words = ""
    device: Words = ""
    parameters: int = 0
    dataset_size: int = 0
    started: float = 0.0
    heartbeat: float = 0.0


_STATUS = pydantic.TypeAdapter(Status)


@dataclass(frozen=True)
class Preview:
    """A preview on disk: a grid of ``n`` images without gaps, ``columns`` wide."""

    step: int
    image: Path
    recipe: dict[str, Any]


class Run:
    """One run directory. Holds no open files and no state: several objects and processes may share a run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = printable(path.name)
        self.config_path = path / "config.toml"
        self.status_path = path / "status.json"
        self.metrics_path = path / "metrics.jsonl"
        self.events_path = path / "events.jsonl"
        self.previews_path = path / "previews"
        self.checkpoints_path = path / "checkpoints"
        self.snapshots_path = path / "snapshots"
        self.inbox_path = path / "inbox"
        self.lock_path = path / "lock"
        self.log_path = path / "trainer.log"

    # The recipe

    def config(self) -> Config:
        """The recipe. Raises ConfigError where it is damaged."""
        return Config.build(recipe_file.read_toml(self.config_path, read_small), str(self.config_path))

    def write_config(self, config: Config) -> None:
        """Put a new recipe in place of the old one."""
        replace_file(self.config_path, recipe_file.to_toml(config).encode())

    # State

    def status(self) -> Status:
        """What the trainer wrote last; a status that is missing or damaged reads as stopped at step 0."""
        try:
            return _STATUS.validate_json(read_small(self.status_path))
        except (OSError, ValueError):
            return Status(state="stopped", message="no readable status.json")

    def write_status(self, status: Status) -> None:
        """Put the trainer's word in place of its last one."""
        replace_file(self.status_path, json_bytes(asdict(status)), durable=False)

    def is_training(self) -> bool:
        """Whether some process, this one included, holds the lock."""
        return run_lock.is_held(self.lock_path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the one process that trains this run. The lock goes with the process, however that ends.

        Raises RunError that says who holds it, or what of the run is a link: that may lead anywhere, and training
        writes and deletes.
        """
        for part in _PARTS:
            if (self.path / part).is_symlink():
                raise RunError(
                    f"{self.path / part} is a link. Put what it leads to in its place, then try again."
                )
        with run_lock.held(self.lock_path):
            yield

    def lock_identity(self) -> tuple[int, int] | None:
        """What tells this directory's lock from every other file while it is held; None where there is none."""
        return identity(self.lock_path)

    # Records

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Add a row to metrics.jsonl."""
        append_json_line(self.metrics_path, row)

    def metrics(self) -> list[dict[str, Any]]:
        """All rows, oldest first."""
        return _rows(self.metrics_path)

    def record(self, kind: str, step: int, message: str = "", **details: Any) -> None:
        """Append to events.jsonl what happened at ``step``."""
        row = {"time": time.time(), "kind": kind, "step": step, "message": message, **details}
        append_json_line(self.events_path, row)

    def events(self) -> list[dict[str, Any]]:
        """All events, oldest first: time, kind, step, message and details."""
        return _rows(self.events_path)

    def previews(self) -> list[Preview]:
        """The whole previews, oldest first."""
        found = []
        for description in sorted(self.previews_path.glob("*.json")):
            image = description.with_suffix(".png")
            try:
                recipe = parse_json(read_small(description))
                step = int(description.stem)
            except (OSError, ValueError):
                continue
            if image.exists() and isinstance(recipe, dict):
                found.append(Preview(step, image, recipe))
        return found

    def checkpoints(self) -> list[Checkpoint]:
        """Whole and damaged checkpoints, oldest first."""
        return list_checkpoints(self.checkpoints_path)

    def rewind(self, step: int) -> None:
        """Forget the records made after ``step``, which training from there will make again."""
        forget_rows_after(self.metrics_path, step)
        for folder in (self.path, self.previews_path):
            for half_written in folder.glob(
                ".*.tmp"
            ):  # by a process that was killed; nobody else writes here
                half_written.unlink(missing_ok=True)
        for later in preview_steps(self.previews_path):
            if later > step:
                # That of the averaged weights last: by it the others are found.
                for weights in ("raw", "ema"):
                    image = self.previews_path / f"{preview_name(later, weights)}.png"
                    image.with_suffix(".json").unlink(missing_ok=True)
                    image.unlink(missing_ok=True)

    # Commands

    def send(self, command: Command) -> None:
        """Tell the trainer of this run something; it reads its inbox between steps. Raises RunError."""
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}-{word_of(command)}"
        try:
            self.inbox_path.mkdir(exist_ok=True)
            replace_file(self.inbox_path / name, content_of(command), durable=False)
        except OSError as error:
            raise RunError(
                f"Cannot send {word_of(command)!r} to the run {self.name}: {error.strerror}."
            ) from None

    def take_commands(self) -> list[Command]:
        """The commands since the last call, oldest first. What is unknown, damaged or out of range is dropped."""
        taken: list[Command] = []
        try:
            names = (entry.name for entry in os.scandir(self.inbox_path) if _may_be_command(entry))
            files = heapq.nsmallest(_MOST_COMMANDS, names)
        except OSError:
            return taken
        for name in files:
            command = read_command(self.inbox_path / name)
            try:
                (self.inbox_path / name).unlink()
            except OSError:
                continue  # no command of ours: it would be obeyed again and again
            if command is not None:
                taken.append(command)
        return taken

    # The directory as a whole

    def is_there(self) -> bool:
        """Whether the directory still is where it was: somebody may have deleted or renamed it."""
        return self.path.is_dir()

    def refuse_gone(self) -> None:
        """Raise RunError unless the directory still is where it was."""
        if not self.is_there():
            raise RunError(
                f"The run {self.path} was deleted or renamed. If it has another name now, open that."
            )

    def delete(self, told: Told = untold) -> None:
        """Remove the run for good; ``told`` hears of its files. Raises RunError while it is trained, and where it
        cannot be removed.

        Once a file is gone the run is: what is left where ``told`` ends it goes with the run that is deleted next.
        """
        # Renamed first, so that a half-removed run is never listed.
        doomed = self.path.with_name(f".deleted-{uuid.uuid4().hex}")
        with run_lock.held(self.lock_path, "Stop it there before deleting it."):
            try:
                self.path.rename(doomed)
            except OSError as error:
                raise RunError(f"Cannot delete the run {self.path}: {error.strerror}.") from None
        # Also the remains of a deletion whose process was killed.
        for remains in self.path.parent.glob(".deleted-*"):
            remove_folder(remains, told)

    def rename(self, name: str) -> "Run":
        """Give the run another name in the same folder; returns it under that.

        Raises RunNameError where that is taken or no name, RunError while it is being trained, and where it cannot be.
        """
        check_name(name)
        target = self.path.with_name(name)
        taken = RunNameError(
            f"There is something named {name} already, in {target.parent}. Choose another name."
        )
        if target.exists():
            raise taken
        with run_lock.held(self.lock_path, "Stop it there before renaming it."):
            try:
                self.path.rename(target)
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    raise taken from None
                raise RunError(f"Cannot rename the run {self.path}: {error.strerror}.") from None
        return Run(target)


def check_name(name: str) -> None:
    """Raise RunError unless ``name`` can be the name of a run on every file system."""
    if not _NAME.fullmatch(name):
        raise RunNameError(
            f"{name!r} cannot be the name of a run: use 1 to 80 letters, digits, '.', '_' and '-', "
            "beginning with a letter or digit."
        )


def this_process(**values: Any) -> Status:
    """A status that names this process and machine, beating now."""
    return Status(pid=os.getpid(), host=socket.gethostname(), heartbeat=time.time(), **values)


def _may_be_command(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and not entry.is_dir(follow_symlinks=False)


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        return [row for _, row in read_json_lines(path)]
    except OSError:
        return []
