"""Pictures and masks that a person names: in the shape of the network, aligned, or refused in one sentence."""

import os

import numpy as np
import pytest
from PIL import Image

from ddpm.errors import DataError, PictureError
from ddpm.picture_file import read_mask, read_picture


@pytest.fixture
def picture(tmp_path):
    """In colour, 12 wide and 6 high, its left third white and the rest red."""
    pixels = np.zeros((6, 12, 3), np.uint8)
    pixels[..., 0] = 255
    pixels[:, :4] = 255
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


def half_mask(path, size):
    """White on the right."""
    mask = np.zeros((size[1], size[0]), np.uint8)
    mask[:, size[0] // 2 :] = 255
    Image.fromarray(mask).save(path)
    return path


@pytest.mark.parametrize("shape", [(1, 6, 6), (3, 3, 6), (4, 5, 7)])
def test_a_picture_comes_in_the_shape_that_is_asked_for(picture, shape):
    read = read_picture(picture, shape)
    assert read.shape == shape
    assert read.dtype == np.uint8


def test_a_mask_is_cropped_as_its_picture(picture, tmp_path):
    mask = read_mask(half_mask(tmp_path / "mask.png", (12, 6)), picture, (6, 6))
    assert mask.shape == (1, 6, 6)
    assert mask[0].tolist() == [[0, 0, 0, 1, 1, 1]] * 6


@pytest.mark.parametrize("size", [(6, 3), (13, 6), (24, 12)])
def test_a_mask_of_another_size_is_refused_with_both_sizes(picture, tmp_path, size):
    mask = half_mask(tmp_path / "mask.png", size)
    with pytest.raises(
        PictureError, match=rf"is {size[0]}x{size[1]} pixels and the picture .* 12x6; make them"
    ):
        read_mask(mask, picture, (6, 6))


def test_a_picture_that_lies_on_its_side_is_compared_as_it_is_seen(picture, tmp_path):
    on_its_side = tmp_path / "side.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    with Image.open(picture) as image:
        image.save(on_its_side, exif=exif)
    upright = half_mask(tmp_path / "mask.png", (6, 12))
    assert read_mask(upright, on_its_side, (12, 6)).sum() == 36
    with pytest.raises(DataError, match=r"is 12x6 pixels and the picture .* 6x12; make them the same size"):
        read_mask(half_mask(tmp_path / "lying.png", (12, 6)), on_its_side, (12, 6))


def test_what_is_no_picture_is_refused_and_a_pipe_is_not_waited_for(picture, tmp_path):
    (tmp_path / "words.png").write_text("words")
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DataError, match="not an image in a format that can be read"):
        read_picture(tmp_path / "words.png", (1, 4, 4))
    with pytest.raises(DataError, match="is a folder"):
        read_picture(tmp_path, (1, 4, 4))
    for name in ("none.png", "pipe.png"):
        with pytest.raises(DataError, match="There is no file"):
            read_picture(tmp_path / name, (1, 4, 4))
    Image.new("L", (12, 6)).save(tmp_path / "dark.png")
    with pytest.raises(DataError, match="dark everywhere"):
        read_mask(tmp_path / "dark.png", picture, (6, 6))
