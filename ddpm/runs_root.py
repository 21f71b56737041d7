"""The folder that runs lie in: make one there, list them, find one by its name."""

import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ddpm.config import Config
from ddpm.errors import RunError, RunNameError
from ddpm.runs import Run, Status, check_name
from ddpm.spelling import hint
from ddpm.tensor_files import WHY_NOT_A_PICKLE, is_pickle


def create_run(root: Path, name: str, config: Config) -> Run:
    """Make a new run below ``root`` with its recipe.

    Raises RunError when the name is taken or not a name, or the place cannot be written.
    """
    with new_run(root, name, config):
        pass  # nothing more is in it
    return Run(root / name)


@contextmanager
def new_run(root: Path, name: str, config: Config) -> Iterator[Run]:
    """``create_run``, but what the block writes into the run is there from its first moment.

    The block gets the run under another name, hidden; an error in it leaves nothing behind.
    """
    check_name(name)
    if (root / name).exists():
        raise _name_taken(root, name)
    building = Run(root / f".new-{uuid.uuid4().hex}")
    try:
        root.mkdir(parents=True, exist_ok=True)
        building.path.mkdir()
        for folder in (building.previews_path, building.checkpoints_path, building.inbox_path):
            folder.mkdir()
        building.lock_path.touch()
        building.write_status(Status(state="stopped", steps=config.train.steps, message="not started"))
        building.write_config(config)
        yield building
        building.path.rename(root / name)
    except OSError as error:
        shutil.rmtree(building.path, ignore_errors=True)
        if error.errno == errno.ENOTEMPTY:
            raise _name_taken(root, name) from None
        raise RunError(
            f"Cannot make the run {root / name}: {error.strerror}. Start ddpm-studio with another --home."
        ) from None
    except BaseException:
        shutil.rmtree(building.path, ignore_errors=True)
        raise


def _name_taken(root: Path, name: str) -> RunNameError:
    return RunNameError(
        f"There is a run named {name} already, in {root}. Choose another name, or resume that run."
    )


def open_run(root: Path, name: str) -> Run:
    """The run of that name below ``root``, or the run directory at that path. Raises RunError."""
    for path in (root / name, Path(name).absolute()):
        if _is_run(path):
            return Run(path)
    return named_run(root, name)  # which says what there is instead


def named_run(root: Path, name: str) -> Run:
    """The run of that name below ``root``; no other directory, even if it looks like one. Raises RunError."""
    known = [run.path.name for run in list_runs(root)]
    if name in known:
        return Run(root / name)
    if is_pickle(name):
        raise RunNameError(f"{name} {WHY_NOT_A_PICKLE}.")
    more = f" and {len(known) - 8} more (`ddpm-studio runs`)" if len(known) > 8 else ""
    there = f"There are: {', '.join(known[:8])}{more}." if known else f"There are no runs in {root} yet."
    raise RunNameError(f"There is no run named {name!r}.{hint(name, known)} {there}")


def list_runs(root: Path) -> list[Run]:
    """Every run below ``root``, by name. Raises RunError where the folder is there but cannot be read."""
    return [Run(root / name) for name in sorted(_names(root)) if name[0] != "." and _is_run(root / name)]


def free_name(root: Path, source: str) -> str:
    """A run name made from a data set's name or path that is not taken: digits-1, digits-2 ... Raises RunError."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(source).name).strip("-._")[:60] or "run"
    taken = set(_names(root))
    return next(name for n in range(1, len(taken) + 2) if (name := f"{stem}-{n}") not in taken)


def _names(root: Path) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(root)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(
            f"Cannot read the runs in {root}: {error.strerror}. Start ddpm-studio with another --home."
        ) from None


def _is_run(path: Path) -> bool:
    try:
        return (path / "config.toml").is_file()
    except OSError:
        return False
