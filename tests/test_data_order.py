import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ddpm.data import DeviceImages, to_uint8, to_unit
from ddpm.sources.imageset import ImageSet

sizes = st.integers(1, 40)
seeds = st.integers(0, 2**63 - 1)


def numbered(n: int, seed: int = 0) -> DeviceImages:
    """Images that each show their own number."""
    return DeviceImages(ImageSet("numbers", np.arange(n, dtype=np.uint8).reshape(n, 1, 1, 1)), seed)


def shown(batch: torch.Tensor) -> list[int]:
    return to_uint8(batch).flatten().tolist()


@given(sizes, seeds, st.integers(0, 1000))
def test_every_epoch_shows_each_image_once(n, seed, epoch):
    assert sorted(shown(numbered(n, seed).batch(epoch * n, n).x_0)) == list(range(n))


@given(sizes, seeds, st.integers(0, 500), st.integers(1, 60), st.integers(1, 60))
def test_one_batch_is_the_same_as_two_in_a_row(n, seed, images_seen, first, second):
    images = numbered(n, seed)
    whole = shown(images.batch(images_seen, first + second).x_0)
    assert whole == shown(images.batch(images_seen, first).x_0) + shown(
        images.batch(images_seen + first, second).x_0
    )


@given(sizes, seeds, st.lists(st.tuples(st.integers(0, 500), st.integers(1, 60)), min_size=1, max_size=5))
def test_the_order_does_not_depend_on_what_was_asked_before(n, seed, requests):
    images = numbered(n, seed)
    for images_seen, batch_size in requests:
        fresh = shown(numbered(n, seed).batch(images_seen, batch_size).x_0)
        assert shown(images.batch(images_seen, batch_size).x_0) == fresh


def test_epochs_and_seeds_shuffle_differently():
    images = numbered(40)
    first, second = shown(images.batch(0, 40).x_0), shown(images.batch(40, 40).x_0)
    assert first != second
    assert first != list(range(40))
    assert first != shown(numbered(40, seed=1).batch(0, 40).x_0)


def test_a_batch_larger_than_the_set_shows_every_image_several_times():
    counts = np.bincount(shown(numbered(3).batch(2, 64).x_0), minlength=3)
    assert counts.sum() == 64
    assert counts.min() >= 21 - 1
    assert counts.max() <= 22 + 1


def test_batches_are_floats_and_the_set_stays_bytes():
    images = DeviceImages(ImageSet("noise", np.full((5, 3, 4, 6), 255, np.uint8)), seed=0)
    batch = images.batch(0, 2).x_0
    assert batch.shape == (2, 3, 4, 6)
    assert batch.dtype == torch.float32
    assert (batch == 1).all()
    assert images.images.dtype == torch.uint8
    assert len(images) == 5


def test_all_256_values_survive_the_round_trip():
    values = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(to_unit(values)), values)
    assert to_unit(values)[[0, -1]].tolist() == [-1, 1]


@given(st.floats(-1e6, 1e6, width=32))
def test_what_is_outside_is_clamped_and_what_is_inside_is_rounded(value):
    found = int(to_uint8(torch.tensor([value])))
    assert abs(found - min(max((value + 1) * 127.5, 0), 255)) <= 0.5 + 1e-3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_order_is_the_same_on_the_gpu():
    image_set = ImageSet("numbers", np.arange(50, dtype=np.uint8).reshape(50, 1, 1, 1))
    on_gpu = DeviceImages(image_set, 7, "cuda").batch(13, 90).x_0
    assert on_gpu.device.type == "cuda"
    assert shown(on_gpu.cpu()) == shown(DeviceImages(image_set, 7).batch(13, 90).x_0)
