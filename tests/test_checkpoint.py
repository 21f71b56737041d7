"""Checkpoints: whole or not there, damage told by name, nothing deleted before its successor is whole."""

import json
import os
import shutil

import pytest
import torch

from ddpm import checkpoint as checkpoints
from ddpm import files
from ddpm.errors import CheckpointError

TENSORS = {"model": {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(2.0)}, "optimizer": {}}
STATE = {"images_seen": 12, "seconds": 0.1}


def test_what_was_saved_is_loaded(tmp_path):
    saved = checkpoints.save(tmp_path, 7, TENSORS, STATE)
    assert saved.whole
    assert (saved.step, saved.path.name) == (7, "00000007")
    tensors, state = checkpoints.load(saved, "model", "optimizer")
    assert torch.equal(tensors["model"]["a"], TENSORS["model"]["a"])
    assert torch.equal(tensors["model"]["b"], TENSORS["model"]["b"])
    assert tensors["optimizer"] == {}
    assert state == {"step": 7, **STATE}
    assert [path.name for path in tmp_path.iterdir()] == ["00000007"]


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-3])


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize(
    ("damage", "words", "seen_at_once"),
    [
        (flip_a_bit, "has changed", False),
        (cut_short, "bytes, not", True),
        (lambda p: p.unlink(), "missing", True),
    ],
)
def test_damage_is_told_by_file(tmp_path, name, damage, words, seen_at_once):
    saved = checkpoints.save(tmp_path, 7, TENSORS, STATE)
    damage(saved.path / name)
    (listed,) = checkpoints.list_checkpoints(tmp_path)
    assert listed.whole is not seen_at_once
    assert words in checkpoints.verify(listed)
    with pytest.raises(CheckpointError, match=f"00000007.*{name}.*{words}"):
        checkpoints.load(listed, "model")


@pytest.mark.parametrize(
    "manifest",
    [
        None,
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"format": 1, "step": 7, "files": []}',
        b'{"format": 1, "step": 7, "files": {"model.safetensors": 3}}',
        b'{"format": 1, "step": 8, "files": {}}',
        b'{"format": 99, "step": 7, "files": {}}',
        b'{"format": 1, "step": 7, "files": {"../../secret": {"size": 1, "sha256": ""}}}',
    ],
)
def test_a_strange_manifest_is_damage_not_a_crash(tmp_path, manifest):
    saved = checkpoints.save(tmp_path, 7, TENSORS, STATE)
    path = saved.path / "manifest.json"
    path.unlink()
    if manifest is not None:
        path.write_bytes(manifest)
    (listed,) = checkpoints.list_checkpoints(tmp_path)
    assert listed.problem
    assert checkpoints.newest_whole(tmp_path) is None


def test_a_manifest_that_lacks_a_file_is_damage_when_it_is_wanted(tmp_path):
    saved = checkpoints.save(tmp_path, 7, TENSORS, STATE)
    manifest = json.loads((saved.path / "manifest.json").read_bytes())
    del manifest["files"]["model.safetensors"]
    (saved.path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        checkpoints.load(checkpoints.list_checkpoints(tmp_path)[0], "model")


def test_the_newest_whole_one_is_found_behind_damaged_ones(tmp_path):
    for step in (5, 10, 15):
        checkpoints.save(tmp_path, step, TENSORS, STATE)
    flip_a_bit(tmp_path / "00000015" / "model.safetensors")
    (tmp_path / "00000010" / "manifest.json").unlink()
    assert checkpoints.newest_whole(tmp_path).step == 5
    assert checkpoints.find_checkpoint(tmp_path, None).step == 5
    with pytest.raises(CheckpointError, match=r"step 6.*Whole ones: 5, 15"):
        checkpoints.find_checkpoint(tmp_path, 6)


def test_none_at_all_is_told(tmp_path):
    with pytest.raises(CheckpointError, match="no whole checkpoint"):
        checkpoints.find_checkpoint(tmp_path / "nowhere", None)


@pytest.mark.parametrize("failing_write", range(4))
def test_a_disk_that_fails_leaves_what_was_there(tmp_path, monkeypatch, failing_write):
    checkpoints.save(tmp_path, 5, TENSORS, STATE)
    written = []

    def write(path, parts):
        if len(written) == failing_write:
            path.write_bytes(next(iter(parts))[:2])
            raise OSError(28, "No space left on device")
        written.append(path)
        return files.write_durably(path, parts)

    monkeypatch.setattr(checkpoints, "write_durably", write)
    with pytest.raises(OSError, match="No space"):
        checkpoints.save(tmp_path, 10, TENSORS, STATE)
    assert [path.name for path in tmp_path.iterdir()] == ["00000005"]
    assert checkpoints.newest_whole(tmp_path).step == 5


def test_a_damaged_checkpoint_is_replaced_and_a_whole_one_kept(tmp_path):
    first = checkpoints.save(tmp_path, 5, TENSORS, STATE)
    inode = (first.path / "model.safetensors").stat().st_ino
    checkpoints.save(tmp_path, 5, TENSORS, STATE)
    assert (first.path / "model.safetensors").stat().st_ino == inode
    flip_a_bit(first.path / "model.safetensors")
    assert not checkpoints.verify(checkpoints.save(tmp_path, 5, TENSORS, STATE))


def test_one_that_is_replaced_while_it_is_looked_at_is_not_damaged(tmp_path, monkeypatch):
    saved = checkpoints.save(tmp_path, 7, TENSORS, STATE)
    look, looks = os.scandir, []

    def look_and_replace(path):
        """What is seen of a folder that loses a file, before another one is in its place."""
        if path != saved.path or looks:
            return look(path)
        seen = [entry for entry in look(path) if entry.name != "state.json"]
        looks.append(seen)
        saved.path.rename(tmp_path / "aside")
        shutil.copytree(tmp_path / "aside", saved.path)
        return seen

    monkeypatch.setattr(os, "scandir", look_and_replace)
    (listed,) = checkpoints.list_checkpoints(tmp_path)
    assert listed.whole, listed.problem
    assert len(looks) == 1
