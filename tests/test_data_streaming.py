"""What is streamed is what would have been in memory, bit for bit."""

import os
import threading
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ddpm.config import Config
from ddpm.data import DeviceImages
from ddpm.datasets import open_data, open_held_out
from ddpm.errors import DataError
from ddpm.events import CheckpointDue
from ddpm.streaming import StreamedImages
from ddpm.trainer import Trainer
from ddpm.training_data import open_training_data


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two classes of pictures of mixed sizes and formats, and two that are broken."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for number in range(23):
        ending = ("png", "jpg", "webp")[number % 3]
        path = folder / ("cats" if number % 2 else "dogs") / f"{number:02d}.{ending}"
        path.parent.mkdir(exist_ok=True)
        size = tuple(random.integers(5, 40, 2))
        Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8)).save(path)
    (folder / "cats" / "04.png").write_text("no picture")
    os.truncate(folder / "dogs" / "10.jpg", 300)
    return folder


def recipe(source: Path | str, **data: object) -> Config:
    return Config.build({"data": {"source": str(source), "image_size": (9, 7), **data}})


# 40 cases, as each opens the folder twice and may have to look at all of it first.
@settings(max_examples=40, deadline=None)
@given(
    seen=st.lists(st.integers(0, 200), min_size=1, max_size=4),
    batch_size=st.integers(1, 50),
    workers=st.integers(1, 5),
    flip=st.booleans(),
    held_out=st.sampled_from([0, 0.3]),
    seed=st.integers(0, 2**63 - 1),
)
def test_streamed_batches_are_those_in_memory(
    folder, tmp_path_factory, seen, batch_size, workers, flip, held_out, seed
):
    config = recipe(folder, flip=flip, held_out=held_out, workers=workers).with_values(
        {"train": {"seed": seed}}
    )
    root = tmp_path_factory.mktemp("root")
    memory = open_training_data(config.with_values({"data": {"stream": "never"}}), root)
    streamed = open_training_data(config.with_values({"data": {"stream": "always"}}), root)
    assert isinstance(memory.images, DeviceImages)
    assert isinstance(streamed.images, StreamedImages)
    assert len(memory.images) == len(streamed.images) == (22 if held_out == 0 else 15)
    assert memory.warnings == streamed.warnings != []
    assert memory.config.data.class_names == streamed.config.data.class_names == ("cats", "dogs")
    for images_seen in [*seen, seen[-1] + batch_size, seen[-1] + 2 * batch_size]:
        expected, found = (data.images.batch(images_seen, batch_size) for data in (memory, streamed))
        assert torch.equal(expected.x_0, found.x_0)
        assert expected.x_0.stride() == found.x_0.stride()
        assert torch.equal(expected.labels, found.labels)


def test_held_out_images_are_the_same_however_they_are_read(folder, tmp_path):
    parts = [
        open_held_out(recipe(folder, held_out=0.3, stream=stream), tmp_path)[1]
        for stream in ("never", "auto", "always")
    ]
    assert [part.n for part in parts] == [7, 7, 7]
    for part in parts[1:]:
        np.testing.assert_array_equal(part.images, parts[0].images)
        np.testing.assert_array_equal(part.labels, parts[0].labels)


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_an_array_is_streamed_as_it_is_read(tmp_path, ending):
    pictures = np.random.default_rng(0).integers(0, 256, (31, 8, 6, 3), np.uint8)
    path = tmp_path / f"a.{ending}"
    np.save(path, pictures) if ending == "npy" else np.savez(path, images=pictures, labels=np.arange(31) % 4)
    batches = [
        open_training_data(recipe(path, held_out=0.2, flip=True, stream=stream), tmp_path).images.batch(
            11, 40
        )
        for stream in ("never", "always")
    ]
    assert torch.equal(batches[0].x_0, batches[1].x_0)
    assert (batches[0].labels is None) == (ending == "npy")
    if ending == "npz":
        assert torch.equal(batches[0].labels, batches[1].labels)


def test_a_named_set_can_be_streamed(tmp_path):
    digits = Config.build({"data": {"source": "digits"}})
    streamed = open_training_data(digits.with_values({"data": {"stream": "always"}}), tmp_path).images
    memory = open_training_data(digits, tmp_path).images
    assert torch.equal(streamed.batch(1790, 20).x_0, memory.batch(1790, 20).x_0)


def test_files_are_looked_at_once_and_again_when_one_has_changed(folder, tmp_path):
    config = recipe(folder, stream="always")
    told: list[str] = []

    def open_again(config: Config) -> None:
        told.clear()
        open_training_data(config, tmp_path, progress=lambda what, _done, _total: told.append(what))

    open_again(config)
    assert told == ["reading images"] * 24
    open_again(config)
    assert told == []
    open_again(recipe(folder, stream="always", channels=1))
    assert len(told) == 24
    os.utime(folder / "dogs" / "00.png", ns=(1, 1))
    open_again(config)
    assert len(told) == 24
    for kept in (tmp_path / "decoded").iterdir():
        kept.write_text('{"broken": [')
    open_again(config)
    assert len(told) == 24


def test_a_run_that_is_resumed_inside_an_epoch_from_a_stream_ends_as_the_one_in_memory(folder, tmp_path):
    def trainer(stream: str) -> Trainer:
        config = recipe(folder, flip=True, held_out=0.2, stream=stream).with_values(TINY)
        opened = open_training_data(config, tmp_path)
        return Trainer(opened.config, opened.images)

    def checkpoints(trainer: Trainer) -> list[CheckpointDue]:
        return [deepcopy(event) for event in trainer.run() if isinstance(event, CheckpointDue)]

    first, *_, last = checkpoints(trainer("never"))
    assert first.state["images_seen"] % 18 != 0
    resumed = trainer("always")
    resumed.restore(first.tensors, {**first.state, "step": first.step})
    end = checkpoints(resumed)[-1]
    assert end.step == last.step > first.step
    for stem, tensors in last.tensors.items():
        assert tensors.keys() == end.tensors[stem].keys()
        assert all(torch.equal(tensor, end.tensors[stem][name]) for name, tensor in tensors.items())


class Recorded:
    """Stored images that note which of them were read."""

    def __init__(self, n: int) -> None:
        self.n, self.labels = n, None
        self.reads: list[int] = []
        self._guard = threading.Lock()

    def read(self, position: int) -> np.ndarray:
        with self._guard:
            self.reads.append(position)
        return np.full((1, 1, 1), position % 256, np.uint8)


@pytest.mark.parametrize("stride", [4, 12])
def test_every_image_is_read_once_by_one_process_or_one_of_several(stride):
    stored = Recorded(100_000)
    images = StreamedImages(stored, 0, workers=3)
    for step in range(50):
        images.batch(step * stride, 4)
    # The first batch cannot know the stride: what it foresaw may be in vain.
    assert len(stored.reads) <= 4 * (50 + 3) + (12 if stride > 4 else 0)
    assert len(set(stored.reads)) >= 4 * 50


def test_memory_decides_unless_told(folder, tmp_path, monkeypatch):
    class Memory:
        total = available = 1000

    monkeypatch.setattr("psutil.virtual_memory", Memory)
    assert isinstance(open_training_data(recipe(folder), tmp_path).images, StreamedImages)
    with pytest.raises(DataError, match=r"needs? .* GiB .*data.stream always"):
        open_training_data(recipe(folder, stream="never"), tmp_path)
    Memory.total = Memory.available = 10**9
    assert isinstance(open_training_data(recipe(folder), tmp_path).images, DeviceImages)
    assert open_data(recipe(folder), tmp_path)[1].n == 22


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_streaming_to_a_gpu_gives_the_same_batches(folder, tmp_path):
    memory, streamed = (
        open_training_data(recipe(folder, flip=True, stream=stream), tmp_path, "cuda").images
        for stream in ("never", "always")
    )
    for images_seen in range(0, 400, 10):
        expected, found = memory.batch(images_seen, 10), streamed.batch(images_seen, 10)
        assert found.x_0.device.type == found.labels.device.type == "cuda"
        assert torch.equal(expected.x_0, found.x_0)
        assert torch.equal(expected.labels, found.labels)
