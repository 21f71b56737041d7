"""Pictures are decoded once; what is kept of them is theirs bit for bit, and never in the way."""

import os
import resource
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ddpm.config import Config, DataConfig
from ddpm.datasets import load_images, open_stored
from ddpm.errors import DataError
from ddpm.sources import decoded
from ddpm.training_data import open_training_data

BYTES = 12 * 3 * 8 * 8


@pytest.fixture
def folder(tmp_path) -> Path:
    """Twelve coloured pictures in two classes, the last of them broken."""
    random = np.random.default_rng(0)
    for number in range(12):
        path = tmp_path / "pictures" / ("cats" if number % 2 else "dogs") / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (20, 30, 3), np.uint8)).save(path)
    path.write_text("no picture")
    return tmp_path / "pictures"


def load(folder: Path, data_root: Path, **data: object):
    """The set in memory, and how many pictures were decoded for it."""
    told: list[str] = []
    config = DataConfig(source=str(folder), image_size=(8, 8), **data)
    images = load_images(config, data_root, progress=lambda what, _done, _n: told.append(what))
    return images, len(told)


def kept_files(data_root: Path) -> list[Path]:
    return sorted((data_root / "decoded").glob("*.images*"))


def test_the_second_start_decodes_nothing_and_finds_the_same(folder, tmp_path):
    first, decoded_first = load(folder, tmp_path)
    second, decoded_second = load(folder, tmp_path)
    assert (decoded_first, decoded_second) == (12, 0)
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.labels, second.labels)
    assert (first.skipped, first.class_names) == (second.skipped, second.class_names)
    assert first.images.shape == (11, 3, 8, 8)
    assert second.images.flags.writeable


def test_where_nothing_can_be_kept_the_images_are_the_same(folder, tmp_path):
    kept, _ = load(folder, tmp_path)
    nowhere = Path(os.devnull) / "none"
    for _ in range(2):
        images, times = load(folder, nowhere)
        assert times == 12
        np.testing.assert_array_equal(images.images, kept.images)


def test_a_run_in_memory_keeps_for_one_that_streams(folder, tmp_path):
    def batch(stream: str):
        told: list[str] = []
        config = Config.build({"data": {"source": str(folder), "held_out": 0.3, "stream": stream}})
        opened = open_training_data(config, tmp_path, progress=lambda what, *_: told.append(what))
        return opened.images.batch(3, 20), len(told)

    (memory, decoded_first), (streamed, decoded_second) = batch("never"), batch("always")
    assert (decoded_first, decoded_second) == (12, 0)
    assert torch.equal(memory.x_0, streamed.x_0)
    assert torch.equal(memory.labels, streamed.labels)


def test_another_size_other_channels_and_another_file_are_decoded_anew(folder, tmp_path):
    load(folder, tmp_path)
    assert load(folder, tmp_path, channels=1)[1] == 12
    Image.new("RGB", (20, 20), (1, 2, 3)).save(folder / "dogs" / "00.png")
    changed, times = load(folder, tmp_path)
    assert times == 12
    assert changed.images[5, :, 0, 0].tolist() == [1, 2, 3]
    (folder / "dogs" / "00.png").unlink()
    assert load(folder, tmp_path)[1] == 11


def test_a_file_cut_short_is_decoded_anew(folder, tmp_path):
    whole, _ = load(folder, tmp_path)
    (kept,) = kept_files(tmp_path)
    os.truncate(kept, BYTES - 1)
    again, times = load(folder, tmp_path)
    assert times == 12
    np.testing.assert_array_equal(whole.images, again.images)
    assert load(folder, tmp_path)[1] == 0


def test_a_disk_that_is_full_while_images_are_kept_costs_nothing_but_time(folder, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (BYTES // 2, before[1]))
    try:
        images, _ = load(folder, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert images.n == 11
    assert kept_files(tmp_path) == []


def test_what_was_used_longest_ago_makes_room(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(decoded, "MOST_BYTES", 2 * BYTES)
    for shade, channels in enumerate((3, 1, 3, 4)):  # 3 is looked at again before 4 needs room
        load(folder, tmp_path, channels=channels)
        for kept in kept_files(tmp_path):
            if kept.stat().st_mtime > 1e9:
                os.utime(kept, (shade, shade))
    sizes = [kept.stat().st_size for kept in kept_files(tmp_path)]
    assert sizes == [BYTES // 3 * 4]
    assert decoded.kept_bytes(tmp_path / "decoded") <= decoded.MOST_BYTES


def test_a_set_larger_than_may_be_kept_is_not_kept_and_can_be_read(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(decoded, "MOST_BYTES", BYTES - 1)
    assert [load(folder, tmp_path)[0].n for _ in range(2)] == [11, 11]
    assert kept_files(tmp_path) == []
    config = Config.build({"data": {"source": str(folder), "image_size": (8, 8), "stream": "always"}})
    images = open_training_data(config, tmp_path).images
    (folder / "cats" / "01.png").unlink()
    with pytest.raises(DataError, match=r"01\.png in .* could be read before and cannot now"):
        images.batch(0, 11)


def test_a_reading_that_is_broken_off_leaves_no_file(folder, tmp_path):
    def stop(_what: str, done: int, _n: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_images(DataConfig(source=str(folder), image_size=(8, 8)), tmp_path, progress=stop)
    assert kept_files(tmp_path) == []


def test_that_all_pictures_are_grey_is_found_once(tmp_path):
    for number in range(3):
        path = tmp_path / "grey" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("L", (4, 4), number).save(path)
    config = DataConfig(source=str(path.parent))
    assert open_stored(config, tmp_path).channels == 1
    status = path.stat()
    path.write_bytes(b"x" * status.st_size)
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    (path.parent / "0.png").write_bytes(b"")
    os.utime(path.parent / "0.png", ns=(1, 1))
    assert open_stored(config, tmp_path).channels == 1


def test_all_that_is_kept_can_be_forgotten(folder, tmp_path):
    load(folder, tmp_path)
    assert decoded.kept_bytes(tmp_path / "decoded") == BYTES
    assert decoded.forget(tmp_path / "decoded") == BYTES
    assert decoded.forget(tmp_path / "decoded") == 0
    assert load(folder, tmp_path)[1] == 12
