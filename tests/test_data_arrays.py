"""Arrays in .npy and .npz files: what is accepted, how it is seen, and what is refused."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from ddpm.config import DataConfig
from ddpm.datasets import load_images, open_stored, resolve, summarize
from ddpm.errors import DataError

RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.integers(0, 256, (5, 6, 7, 3), np.uint8)


def load(path, **values):
    """Load, and check that the summary had said the same shape."""
    config = DataConfig(source=str(path), **values)
    images = load_images(config, path.parent)
    assert resolve(config, summarize(config, path.parent)) == resolve(config, images)
    assert resolve(config, images).shape == images.images.shape[1:]
    return images


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (PICTURES, PICTURES.transpose(0, 3, 1, 2)),
        (PICTURES.transpose(0, 3, 1, 2), PICTURES.transpose(0, 3, 1, 2)),
        (PICTURES[..., 0], PICTURES[:, None, :, :, 0]),
        (PICTURES[..., :1], PICTURES[:, None, :, :, 0]),
        (np.asfortranarray(PICTURES), PICTURES.transpose(0, 3, 1, 2)),
        (PICTURES[..., 0] > 99, (PICTURES[:, None, :, :, 0] > 99) * 255),
        (PICTURES / np.float32(255), PICTURES.transpose(0, 3, 1, 2)),
        (PICTURES / 127.5 - 1, PICTURES.transpose(0, 3, 1, 2)),
        ((PICTURES[..., 0] > 99).astype(np.float16), (PICTURES[:, None, :, :, 0] > 99) * 255),
    ],
)
def test_images_are_seen_as_they_were_saved(tmp_path, array, expected):
    np.save(tmp_path / "a.npy", array)
    images = load(tmp_path / "a.npy")
    np.testing.assert_array_equal(images.images, expected)
    assert (images.name, images.labels, images.class_names) == ("a", None, ())


def test_a_file_of_one_array_is_mapped_and_not_read_whole(tmp_path):
    np.save(tmp_path / "a.npy", PICTURES)
    stored = open_stored(DataConfig(source=str(tmp_path / "a.npy")), tmp_path)
    assert isinstance(stored.array, np.memmap)
    np.testing.assert_array_equal(stored.take(np.array([3, 1])).read(0), PICTURES[3].transpose(2, 0, 1))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_size_and_channels_can_be_chosen(tmp_path, channels):
    np.save(tmp_path / "a.npy", np.full((3, 20, 30, 3), (10, 200, 60), np.uint8))
    images = load(tmp_path / "a.npy", channels=channels, image_size=(8, 5)).images
    assert images.shape == (3, channels, 8, 5)
    # Grey is the luma of ITU-R 601: 0.299 red, 0.587 green, 0.114 blue.
    expected = {1: [127], 3: [10, 200, 60], 4: [10, 200, 60, 255]}[channels]
    assert images[0, :, 2, 2].tolist() == expected


@pytest.mark.parametrize(
    "names", [("images", "labels"), ("x_train", "y_train"), ("x", "y"), ("arr_0", "arr_1")]
)
def test_labels_come_along_and_their_numbers_are_the_names_of_the_classes(tmp_path, names):
    arrays = {names[0]: PICTURES, names[1]: np.array([7, 3, 3, 9, 7])}
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    images = load(tmp_path / "a.npz")
    assert images.labels.tolist() == [1, 0, 0, 2, 1]
    assert images.labels.dtype == np.int64
    assert images.class_names == ("3", "7", "9")


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((5, 6), np.uint8), r"shape \[5, 6\], which is no set of images"),
        (np.zeros((5, 6, 6, 2), np.uint8), r"shape \[5, 6, 6, 2\], which"),
        (np.zeros((5, 1, 5000, 3), np.uint8), r"shape \[5, 3, 1, 5000\], which"),
        (np.zeros((5, 6, 6), np.int64), "is of type int64"),
        (np.zeros((5, 6, 6), np.complex64), "is of type complex64"),
        (np.full((5, 6, 6), 200.0), "holds floats from 200 to 200"),
        (np.full((5, 6, 6), np.nan), "holds floats from nan to nan"),
        (np.full((5, 6, 6), np.inf), "holds floats from inf to inf"),
    ],
)
def test_what_is_no_set_of_images_is_refused_with_what_is_accepted(tmp_path, array, sentence):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(DataError, match=sentence) as caught:
        load(tmp_path / "a.npy")
    assert "[N, H, W]" in str(caught.value)


@pytest.mark.parametrize("shape", [(0, 6, 6), (0, 6, 6, 3)])
def test_a_set_without_images_is_told(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8))
    with pytest.raises(DataError, match=rf"shape \[{', '.join(map(str, shape))}\], so it holds no images"):
        load(tmp_path / "a.npy")


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


@pytest.mark.parametrize("ending", ["npy", "npz"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("object array", "it holds Python objects"),
        ("pickle", "it is not a file of NumPy"),
        ("text", "it is not a file of NumPy"),
        ("nothing", "the file is empty"),
    ],
)
def test_nothing_is_unpickled_and_no_odd_file_is_a_traceback(tmp_path, ending, content, reason):
    path = tmp_path / f"a.{ending}"
    array = np.array([Bomb()], object)
    if content == "object array":
        buffer = io.BytesIO()
        np.save(buffer, array) if ending == "npy" else np.savez(buffer, images=array)
        path.write_bytes(buffer.getvalue())
    else:
        path.write_bytes({"pickle": pickle.dumps(Bomb()), "text": b"hello", "nothing": b""}[content])
    save = {"npy": r"numpy\.save\(", "npz": r"numpy\.savez\("}[ending]
    with pytest.raises(DataError, match=rf"Cannot read .*a\.np.: {reason}.*{save}") as refused:
        load(path)
    assert "allow_pickle" not in str(refused.value)


def test_an_array_that_is_cut_off_is_one_sentence(tmp_path):
    np.save(tmp_path / "a.npy", PICTURES)
    content = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(content[:-100])
    with pytest.raises(DataError, match=r"Cannot read .*a\.npy: the file is cut off or damaged"):
        load(tmp_path / "a.npy")
    np.savez(tmp_path / "b.npz", images=PICTURES)
    content = (tmp_path / "b.npz").read_bytes()
    (tmp_path / "b.npz").write_bytes(content[:-100])
    with pytest.raises(
        DataError, match=r"Cannot read .*b\.npz: the file is cut off or damaged.*numpy\.savez\("
    ):
        load(tmp_path / "b.npz")


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_a_header_that_promises_more_than_there_is_takes_no_memory(tmp_path, ending):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (1 << 40, 64, 64)}
    )
    if ending == "npy":
        (tmp_path / "a.npy").write_bytes(header.getvalue())
    else:
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("images.npy", header.getvalue())
    with pytest.raises(DataError, match="Cannot read"):
        load(tmp_path / f"a.{ending}")


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        (
            {"faces": PICTURES, "ages": np.arange(5)},
            "holds faces, ages, and no images under one of the names",
        ),
        ({"images": PICTURES, "labels": np.arange(4)}, "has 4 labels for 5 images"),
        ({"images": PICTURES, "labels": np.arange(5) / 2}, "labels in .* type float64 and shape \\[5\\]"),
        ({"images": PICTURES, "labels": np.eye(5, dtype=int)}, "labels in .* shape \\[5, 5\\]"),
        ({"images": PICTURES, "labels": -np.arange(5)}, "whole numbers from 0"),
    ],
)
def test_odd_archives_are_refused(tmp_path, arrays, sentence):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=sentence):
        load(tmp_path / "a.npz")


def test_content_counts_more_than_the_ending(tmp_path):
    np.save(tmp_path / "a.npy", PICTURES)
    np.savez(tmp_path / "b.npz", images=PICTURES)
    (tmp_path / "a.npy").rename(tmp_path / "c.npz")
    (tmp_path / "b.npz").rename(tmp_path / "d.npy")
    np.testing.assert_array_equal(load(tmp_path / "c.npz").images, load(tmp_path / "d.npy").images)


def test_another_file_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(DataError, match=r"a\.txt is not a folder and no \.npy or \.npz file"):
        load(tmp_path / "a.txt")
