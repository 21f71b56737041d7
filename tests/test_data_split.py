"""Held-out images: always the same, never trained on, never mirrored; mirroring is counted like the order."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ddpm.config import Config
from ddpm.data import DeviceImages, to_uint8
from ddpm.datasets import open_data, open_held_out
from ddpm.errors import DataError
from ddpm.sources.imageset import ImageSet
from ddpm.split import split, split_positions
from ddpm.training_data import open_training_data

SIZES = st.integers(2, 300)
FRACTIONS = st.floats(0, 0.5, exclude_min=True)
SEEDS = st.integers(0, 2**63 - 1)


@given(SIZES, FRACTIONS, SEEDS)
def test_every_image_is_in_exactly_one_part_and_no_part_is_empty(n, fraction, seed):
    trained, held_out = split_positions(n, fraction, seed)
    assert sorted([*trained, *held_out]) == list(range(n))
    assert len(trained) >= 1
    assert len(held_out) == min(max(1, round(n * fraction)), n - 1)


@given(SIZES, FRACTIONS, FRACTIONS, SEEDS)
def test_holding_out_more_holds_out_what_less_does(n, first, second, seed):
    less, more = sorted((first, second))
    assert set(split_positions(n, less, seed)[1]) <= set(split_positions(n, more, seed)[1])


def test_the_split_is_the_same_on_every_machine_and_other_seeds_split_otherwise():
    assert split_positions(12, 0.25, 0)[1].tolist() == [2, 4, 5]
    assert split_positions(60_000, 0.1, 0)[1].tolist() != split_positions(60_000, 0.1, 1)[1].tolist()


def test_each_image_is_held_out_by_as_many_seeds():
    counts = sum(np.isin(np.arange(40), split_positions(40, 0.25, seed)[1]) for seed in range(2000))
    # Binomial(2000, 1/4): 500 with a deviation of 19.4; 4.5 of them are missed once in 3,700 sets of 40.
    assert np.abs(counts - 500).max() < 4.5 * 19.4


def test_labels_go_with_their_images():
    images = ImageSet("numbers", np.arange(20, dtype=np.uint8).reshape(20, 1, 1, 1), np.arange(20), ("a",))
    for part in split(images, 0.3, 5):
        assert part.images[:, 0, 0, 0].tolist() == part.labels.tolist()
        assert part.class_names == ("a",)


def test_nothing_is_held_out_unless_asked():
    images = ImageSet("numbers", np.zeros((3, 1, 2, 2), np.uint8))
    trained, held_out = split(images, 0, 0)
    assert (trained.n, held_out.n) == (3, 0)
    assert trained.images is images.images


def folder_of(folder: Path, n: int) -> Config:
    """Images that each show their own number, and no two halves of them alike."""
    for number in range(n):
        picture = np.full((4, 4), number, np.uint8)
        picture[:, 2:] += 100
        Image.fromarray(picture).save(folder / f"{number:03d}.png")
    return Config.build({"data": {"source": str(folder), "image_size": 4, "held_out": 0.25, "flip": True}})


def test_what_is_held_out_is_never_trained_on_and_never_mirrored(tmp_path):
    config = folder_of(tmp_path, 20)
    (tmp_path / "broken.png").write_text("no picture")
    _, held_out = open_held_out(config, tmp_path)
    assert held_out.n == 5
    assert (held_out.images[:, 0, 0, 0] + 100 == held_out.images[:, 0, 0, 3]).all()
    opened = open_training_data(config, tmp_path)
    assert opened.config.data.image_size == (4, 4)
    assert opened.warnings == ["1 image file left out: broken.png: not an image in a format that can be read"]
    shown = to_uint8(opened.images.batch(0, 150).x_0).numpy()
    numbers = shown[:, 0, 0].min(axis=1)
    assert sorted({*numbers, *held_out.images[:, 0, 0, 0]}) == list(range(20))
    assert np.bincount(numbers)[np.unique(numbers)].tolist() == [10] * 15
    assert open_data(config, tmp_path)[1].n == len(opened.images) == 15


def test_holding_out_of_one_image_is_one_sentence(tmp_path):
    config = folder_of(tmp_path, 1)
    with pytest.raises(DataError, match=r"has 1 image, so none can be held out \(data.held_out is 0.25\)"):
        open_data(config, tmp_path)


def test_asking_for_what_is_not_held_out_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"holds no images of digits out .* such as 0\.05"):
        open_held_out(Config(), tmp_path)


def lopsided(n: int, seed: int) -> DeviceImages:
    images = np.zeros((n, 1, 1, 2), np.uint8)
    images[:, 0, 0, 0] = np.arange(n)
    images[:, 0, 0, 1] = 200
    return DeviceImages(ImageSet("lopsided", images), seed, flip=True)


@given(st.integers(1, 40), SEEDS, st.integers(0, 500), st.integers(1, 60), st.integers(1, 60))
def test_mirroring_does_not_depend_on_how_batches_are_cut(n, seed, images_seen, first, second):
    images = lopsided(n, seed)
    whole = images.batch(images_seen, first + second).x_0
    parts = [images.batch(images_seen, first).x_0, images.batch(images_seen + first, second).x_0]
    assert torch.equal(whole, torch.cat(parts))
    assert torch.equal(whole, lopsided(n, seed).batch(images_seen, first + second).x_0)


def test_each_image_is_mirrored_about_half_of_the_times_in_an_order_that_flipping_does_not_change():
    images = lopsided(40, 3)
    shown = to_uint8(images.batch(0, 40 * 400).x_0)[:, 0, 0]
    mirrored = shown[:, 0] == 200
    numbers = torch.where(mirrored, shown[:, 1], shown[:, 0]).numpy()
    plain = DeviceImages(ImageSet("lopsided", images.images.numpy()), 3).batch(0, 40 * 400).x_0
    assert numbers.tolist() == to_uint8(plain)[:, 0, 0, 0].tolist()
    counts = np.bincount(numbers[mirrored.numpy()], minlength=40)
    # Binomial(400, 1/2): 200 with a deviation of 10.
    assert 200 - 45 < counts.min() <= counts.max() < 200 + 45


def test_splitting_needs_no_torch():
    program = "import sys; import ddpm.split; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
