"""Checkpoints: directories of safetensors that are whole or not there.

    checkpoints/00001000/  model.safetensors  ema.safetensors  optimizer.safetensors  state.json  manifest.json

They are written beside, the manifest with sizes and hashes last, and renamed into place. What has no manifest,
or differs from it, is damaged. Nothing here is ever unpickled.
"""

import errno
import os
import re
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddpm.errors import CheckpointError, CheckpointGoneError, NoSuchCheckpointError
from ddpm.files import (
    identity,
    json_bytes,
    parse_json,
    read_small,
    sha256_of,
    sync_directory,
    told_parts,
    write_durably,
)
from ddpm.printable import printable
from ddpm.progress import Told, told_after, untold
from ddpm.sizes import size
from ddpm.tensor_files import file_parts, read_tensors

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
# A file of this name says "keep for ever". It lies inside the checkpoint, so that it goes where that goes; the
# manifest does not list it, so hashes stay valid.
MARK = "keep"
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# Room that a checkpoint leaves for the run's other records, in bytes.
SPARE = 1 << 20


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk. ``problem`` is empty when sizes and names agree with the manifest."""

    path: Path
    step: int
    size: int
    time: float
    problem: str = ""

    @property
    def whole(self) -> bool:
        """Whether nothing was found wrong with it."""
        return not self.problem


def step_name(step: int) -> str:
    """Steps as names that sort like numbers."""
    return f"{step:08d}"


def steps_of(folder: Path) -> list[tuple[int, str]]:
    """The steps that there are checkpoints of below ``folder``, rising, with their names; opens none of them."""
    try:
        if folder.is_symlink():
            return []
        # No links: they may lead anywhere, and checkpoints are renamed and deleted.
        names = [
            entry.name
            for entry in os.scandir(folder)
            if entry.name.isdecimal() and entry.name.isascii() and entry.is_dir(follow_symlinks=False)
        ]
    except OSError:
        return []
    return sorted((int(name), name) for name in names)


def list_checkpoints(folder: Path) -> list[Checkpoint]:
    """Whole and damaged checkpoints below ``folder``, by step. Reads manifests and sizes only: see verify."""
    found = []
    for step, name in steps_of(folder):
        path = folder / name
        # A trainer may delete or replace one while it is looked at: that is not damage.
        while (there := identity(path)) is not None:
            seen = look_at(path, step)
            if seen.whole or identity(path) == there:
                found.append(seen)
                break
    return found


def newest_whole(folder: Path, told: Told = untold) -> Checkpoint | None:
    """The checkpoint to go on from: the newest that verifies, hashes included. None before it is opened.

    ``told`` hears of the bytes of each that is read.

    While a run is trained, old ones are deleted as new ones come. So that there is none is said only when two looks
    have found the same.
    """
    before: list[tuple[int, str]] | None = None
    while True:
        there = steps_of(folder)
        for step, name in reversed(there):
            checkpoint = look_at(folder / name, step)
            if checkpoint.whole and not verify(checkpoint, told):
                return checkpoint
            if not checkpoint.path.exists():
                break  # deleted meanwhile, as there are newer ones
        else:
            if there == before:
                return None
        before = there


def find_checkpoint(folder: Path, step: int | None) -> Checkpoint:
    """The checkpoint of ``step``, or the newest whole one; its hashes agree.

    Raises CheckpointError that says what there is.
    """
    there = list_checkpoints(folder)
    steps = ", ".join(str(checkpoint.step) for checkpoint in there if checkpoint.whole) or "none"
    if step is None:
        newest = newest_whole(folder)
        if newest is None:
            damaged = (
                f" {len(there)} there, all damaged: delete them, and training begins at its first step."
                if there
                else ""
            )
            raise CheckpointError(f"There is no whole checkpoint in {folder}.{damaged}")
        return newest
    for checkpoint in there:
        if checkpoint.step == step:
            with _one_and_the_same(checkpoint):
                _refuse_damage(checkpoint, verify(checkpoint))
            return checkpoint
    raise NoSuchCheckpointError(f"There is no checkpoint of step {step} in {folder}. Whole ones: {steps}.")


def verify(checkpoint: Checkpoint, told: Told = untold) -> str:
    """Hash every file. Returns what is wrong, or nothing when all is well; ``told`` hears of the bytes."""
    if checkpoint.problem:
        return checkpoint.problem
    try:
        files = _manifest(checkpoint.path)["files"]
        done, total = 0, sum(entry["size"] for entry in files.values())
        for name, entry in files.items():
            if sha256_of(checkpoint.path / name, told_after(told, done, total)) != entry["sha256"]:
                return f"{name} has changed since it was written"
            done += entry["size"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"cannot be read: {printable(str(error))}"
    return ""


def save(
    folder: Path,
    step: int,
    tensors: dict[str, dict[str, "Tensor"]],
    state: dict[str, Any],
    told: Told = untold,
) -> Checkpoint:
    """Write a checkpoint of ``step`` below ``folder``.

    ``tensors`` maps file stems to named tensors; ``state`` is JSON. A whole checkpoint of the same step stays as
    it is: resuming repeats a run exactly. ``told`` hears of the bytes. Raises OSError when the disk fails, or has no
    room for it; then nothing has changed.
    """
    target = folder / step_name(step)
    if target.exists() and (there := look_at(target, step)).whole and not verify(there):
        return there
    folder.mkdir(exist_ok=True)
    done, total = 0, sum(map(_bytes_of, tensors.values()))
    _refuse_full_disk(folder, total)
    building = folder / f".building-{uuid.uuid4().hex}"
    building.mkdir()
    try:
        files = {}
        for stem, named in tensors.items():
            name = f"{stem}.safetensors"
            parts = told_parts(file_parts(named), told_after(told, done, total))
            files[name] = write_durably(building / name, parts)
            done += _bytes_of(named)
        files["state.json"] = write_durably(building / "state.json", [json_bytes({"step": step, **state})])
        manifest = {"format": FORMAT, "step": step, "files": files}
        write_durably(building / "manifest.json", [json_bytes(manifest)])
        sync_directory(building)
        if target.exists():
            # It is damaged; out of the way first, as a directory that is not empty cannot be replaced.
            target.rename(folder / f".damaged-{uuid.uuid4().hex}")
        building.rename(target)
        sync_directory(folder)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return look_at(target, step)


def load(
    checkpoint: Checkpoint, *stems: str, told: Told = untold
) -> tuple[dict[str, dict[str, "Tensor"]], dict[str, Any]]:
    """Tensors of the named files (on the CPU) and the state of a checkpoint.

    Every file is checked against its hash first; ``told`` hears of the bytes. Raises CheckpointGoneError when it is
    deleted or replaced meanwhile, and CheckpointError when something is missing or damaged.
    """
    needed = [*(f"{stem}.safetensors" for stem in stems), "state.json"]
    with _one_and_the_same(checkpoint):
        _refuse_damage(checkpoint, verify(checkpoint, told) or _unlisted(checkpoint, needed))
        try:
            tensors = {stem: read_tensors(checkpoint.path / f"{stem}.safetensors") for stem in stems}
            state = parse_json(read_small(checkpoint.path / "state.json"))
        except (OSError, ValueError) as error:
            raise CheckpointError(f"The checkpoint {checkpoint.path} cannot be read: {error}.") from None
    if not isinstance(state, dict) or state.get("step") != checkpoint.step:
        raise CheckpointError(
            f"The checkpoint {checkpoint.path} cannot be read: state.json is not of step {checkpoint.step}."
        )
    return tensors, state


@contextmanager
def _one_and_the_same(checkpoint: Checkpoint) -> Iterator[None]:
    """Raise CheckpointGoneError where what is read in this block is not one checkpoint from begin to end."""
    try:
        folder = os.open(checkpoint.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        raise _gone(checkpoint) from None
    try:
        yield
        if not _is_still(checkpoint.path, folder):
            raise _gone(checkpoint)
    except (OSError, CheckpointError):
        if _is_still(checkpoint.path, folder):
            raise
        raise _gone(checkpoint) from None
    finally:
        os.close(folder)


def _is_still(path: Path, folder: int) -> bool:
    """Whether the folder at ``path`` is the one that was opened; while it is open, no other can have its number."""
    try:
        return os.path.samestat(path.stat(), os.fstat(folder))
    except OSError:
        return False


def _gone(checkpoint: Checkpoint) -> CheckpointGoneError:
    return CheckpointGoneError(
        f"The checkpoint {checkpoint.path} is no longer there: it was deleted while it was read, or its run was "
        "deleted or renamed. A run in training keeps its newest ones: choose one of those."
    )


def weights_in(checkpoint: Checkpoint) -> list[str]:
    """The names of the weights that a checkpoint stores: ``ema``, ``raw``, and further averages."""
    found = {path.stem for path in checkpoint.path.glob("*.safetensors")} - {"model", "ema", "optimizer"}
    return ["ema", "raw", *sorted(found)]


def set_aside_after(folder: Path, step: int) -> None:
    """Hide the checkpoints after ``step``, from where training starts again; prune deletes them later."""
    for later, name in steps_of(folder):
        if later > step:
            (folder / name).rename(folder / f".superseded-{uuid.uuid4().hex}")


def list_set_aside(folder: Path) -> list[Checkpoint]:
    """The checkpoints that training went back behind, by step: hidden, and kept only if they are marked.

    They are of another history than the checkpoints beside them, so that training cannot go on from one here.
    """
    found = []
    for hidden in folder.glob(".superseded-*"):
        try:
            step = int(_manifest(hidden)["step"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        found.append(look_at(hidden, step))
    return sorted(found, key=lambda checkpoint: (checkpoint.step, checkpoint.time))


def clear_leftovers(folder: Path) -> None:
    """Delete the remains of unfinished writes and what was superseded, but for what is marked "keep for ever".

    Call it after a new checkpoint is whole.
    """
    remains = (".building-", ".superseded-", ".damaged-", ".pruned-")
    with suppress(FileNotFoundError):
        for name in [entry.name for entry in os.scandir(folder) if entry.name.startswith(remains)]:
            if not (folder / name / MARK).exists():
                shutil.rmtree(folder / name, ignore_errors=True)


def _bytes_of(named: dict[str, "Tensor"]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in named.values())


def _refuse_full_disk(folder: Path, need: int) -> None:
    free = shutil.disk_usage(folder).free
    if need + SPARE > free:
        raise OSError(
            errno.ENOSPC, f"the disk is full: it needs {size(need + SPARE)} and {size(free)} are free"
        )


def _refuse_damage(checkpoint: Checkpoint, problem: str) -> None:
    if problem:
        raise CheckpointError(
            f"The checkpoint {checkpoint.path} is damaged: {problem}. Choose another one of the same run."
        )


def _unlisted(checkpoint: Checkpoint, names: list[str]) -> str:
    missing = [name for name in names if name not in _manifest(checkpoint.path)["files"]]
    return f"the manifest does not list {', '.join(missing)}" if missing else ""


def _manifest(path: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = parse_json(read_small(path / "manifest.json"))
    if manifest["format"] > FORMAT:
        raise ValueError(
            f"it was written by a newer ddpm-studio (format {manifest['format']}); update this one"
        )
    for name in manifest["files"]:
        if not _FILE_NAME.fullmatch(name):
            raise ValueError(f"the manifest names a file outside the checkpoint: {name[:80]!r}")
    return manifest


def look_at(path: Path, step: int) -> Checkpoint:
    """The checkpoint of ``step`` as its manifest and the sizes of its files show it."""
    try:
        there = {entry.name: entry.stat(follow_symlinks=False) for entry in os.scandir(path)}
        # Not the directory's: a mark is put into it later.
        modified = (there.get("manifest.json") or path.stat()).st_mtime
    except OSError as error:
        return Checkpoint(path, step, 0, 0.0, f"cannot be read: {error.strerror}")
    sizes = {name: status.st_size for name, status in there.items() if stat.S_ISREG(status.st_mode)}
    size = sum(sizes.values())
    try:
        manifest = _manifest(path)
        for name, entry in manifest["files"].items():
            if name not in sizes:
                return Checkpoint(path, step, size, modified, f"{name} is missing")
            if sizes[name] != entry["size"]:
                return Checkpoint(
                    path, step, size, modified, f"{name} has {sizes[name]} bytes, not {entry['size']!r:.40}"
                )
        if manifest["step"] != step:
            return Checkpoint(path, step, size, modified, f"the manifest is of step {manifest['step']!r:.40}")
    except FileNotFoundError:
        return Checkpoint(path, step, size, modified, "manifest.json is missing")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Checkpoint(path, step, size, modified, f"the manifest cannot be read: {printable(str(error))}")
    return Checkpoint(path, step, size, modified)
