import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ddpm.config import DataConfig
from ddpm.datasets import load_images, resolve, summarize
from ddpm.errors import DataError

NO_ROOT = Path(os.devnull) / "none"  # where nothing can be kept


def config_of(folder: Path, **values: object) -> DataConfig:
    return DataConfig(source=str(folder), **values)


def save(
    path: Path, mode: str = "L", colour: object = 90, size: tuple[int, int] = (20, 20), **options: object
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path, **options)


def load(folder: Path, **values: object):
    """Load, and check that the summary had said the same shape."""
    config = config_of(folder, **values)
    images = load_images(config, NO_ROOT)
    assert resolve(config, summarize(config, NO_ROOT)) == resolve(config, images)
    assert resolve(config, images).shape == images.images.shape[1:]
    return images


def shades(images) -> list[int]:
    """The value at the centre of each image's first channel."""
    height, width = images.image_size
    return images.images[:, 0, height // 2, width // 2].tolist()


def test_images_come_in_the_order_of_their_names_at_the_default_size(tmp_path):
    for shade, name in [(30, "c.png"), (10, "a.png"), (20, "b.jpg")]:
        save(tmp_path / name, colour=shade)
    images = load(tmp_path)
    assert images.images.shape == (3, 1, 64, 64)
    assert shades(images) == [10, 20, 30]
    assert (images.name, images.labels, images.class_names, images.skipped) == (tmp_path.name, None, (), ())


def test_the_recipe_names_the_folder_wherever_it_is_read_from(tmp_path, monkeypatch):
    save(tmp_path / "pictures" / "a.png")
    monkeypatch.chdir(tmp_path)
    relative = DataConfig(source="pictures")
    resolved = resolve(relative, summarize(relative, NO_ROOT))
    assert resolved == DataConfig(source=str(tmp_path / "pictures"), image_size=(64, 64), channels=1)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert summarize(DataConfig(source="~/pictures"), NO_ROOT).n == 1


def test_first_level_folders_are_the_classes(tmp_path):
    save(tmp_path / "dogs" / "z.png", colour=3)
    save(tmp_path / "cats" / "deep" / "er" / "a.png", colour=1)
    save(tmp_path / "cats" / "deeper.png", colour=2)
    images = load(tmp_path)
    assert images.class_names == ("cats", "dogs")
    assert shades(images) == [1, 2, 3]
    assert images.labels.tolist() == [0, 0, 1]
    assert images.labels.dtype == np.int64
    assert summarize(config_of(tmp_path), NO_ROOT).class_names == ("cats", "dogs")


def test_an_image_beside_the_folders_means_no_classes_and_is_named(tmp_path):
    for name in ("cats", "dogs"):
        save(tmp_path / name / "a.png")
    assert summarize(config_of(tmp_path), NO_ROOT).remarks == ()
    save(tmp_path / "b.png")
    images = load(tmp_path)
    assert (images.n, images.labels, images.class_names) == (3, None, ())
    told = "There are no classes, as b.png lies beside the folders cats, dogs; where every"
    assert summarize(config_of(tmp_path), NO_ROOT).remarks[0].startswith(told)
    for number in range(5):
        save(tmp_path / f"c{number}.png")
    assert "b.png, c0.png, c1.png and 3 more lie beside" in summarize(config_of(tmp_path), NO_ROOT).remarks[0]


def test_a_broken_file_takes_its_label_with_it(tmp_path):
    save(tmp_path / "cats" / "b.png", colour=1)
    save(tmp_path / "dogs" / "b.png", colour=2)
    (tmp_path / "cats" / "a.png").write_bytes(b"no picture")
    images = load(tmp_path)
    assert shades(images) == [1, 2]
    assert images.labels.tolist() == [0, 1]
    assert images.skipped == ("cats/a.png: not an image in a format that can be read",)


@pytest.mark.parametrize(
    ("mode", "colour", "options"),
    [
        ("L", 128, {}),
        ("1", 1, {}),
        ("LA", (128, 255), {}),
        ("I;16", 128 * 257, {}),
        ("I", 128 * 257, {"format": "TIFF"}),
        ("P", 128, {}),
    ],
)
def test_grey_modes_make_one_channel(tmp_path, mode, colour, options):
    picture = Image.new(mode, (20, 20), colour)
    if mode == "P":
        picture.putpalette([shade for shade in range(256) for _ in range(3)])
    picture.save(tmp_path / "a.png", **options)
    images = load(tmp_path)
    assert images.channels == 1
    assert shades(images) == [255 if mode == "1" else 128]


@pytest.mark.parametrize(("values", "expected"), [(0.25, 64), (127.0, 127)])
def test_pictures_of_floats_are_scaled_by_what_they_hold(tmp_path, values, expected):
    Image.fromarray(np.full((20, 20), values, np.float32)).save(tmp_path / "a.tif")
    assert shades(load(tmp_path)) == [expected]


@pytest.mark.parametrize(
    ("mode", "colour", "ending", "expected"),
    [
        ("RGB", (10, 200, 60), "png", (10, 200, 60)),
        ("RGBA", (10, 200, 60, 255), "png", (10, 200, 60)),
        ("RGBA", (10, 200, 60, 0), "png", (255, 255, 255)),
        ("RGBA", (0, 0, 0, 128), "webp", (127, 127, 127)),
        ("CMYK", (0, 255, 255, 0), "tif", (255, 0, 0)),
        ("YCbCr", (128, 128, 128), "tif", (128, 128, 128)),
        ("RGB", (10, 200, 60), "bmp", (10, 200, 60)),
    ],
)
def test_colour_modes_make_three_channels(tmp_path, mode, colour, ending, expected):
    options = {"lossless": True} if ending == "webp" else {}
    save(tmp_path / f"a.{ending}", mode, colour, **options)
    images = load(tmp_path)
    assert images.channels == 3
    assert np.abs(images.images[0, :, 32, 32].astype(int) - expected).max() <= 2


def test_a_palette_with_colours_makes_three_channels(tmp_path):
    picture = Image.new("P", (20, 20), 1)
    picture.putpalette([0, 0, 0, 10, 200, 60])
    picture.save(tmp_path / "a.gif")
    assert load(tmp_path).images[0, :, 0, 0].tolist() == [10, 200, 60]


def test_one_picture_in_colour_makes_all_of_them_three_channels(tmp_path):
    save(tmp_path / "a.png", "L", 70)
    save(tmp_path / "b.png", "RGB", (70, 70, 70))
    images = load(tmp_path)
    assert images.channels == 3
    assert (images.images == 70).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_can_be_chosen(tmp_path, channels):
    save(tmp_path / "a.png", "L", 70)
    save(tmp_path / "b.png", "RGBA", (70, 70, 70, 255))
    images = load(tmp_path, channels=channels)
    assert images.channels == channels
    assert (images.images[:, :3] == 70).all()
    assert (images.images[:, 3:] == 255).all()


def test_four_channels_keep_transparency(tmp_path):
    save(tmp_path / "a.png", "RGBA", (70, 80, 90, 51))
    assert load(tmp_path, channels=4).images[0, :, 5, 5].tolist() == [70, 80, 90, 51]


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40), st.integers(1, 40))
def test_every_size_fits_every_size(tmp_path_factory, width, height, target_height, target_width):
    folder = tmp_path_factory.mktemp("sizes")
    save(folder / "a.png", colour=33, size=(width, height))
    images = load(folder, image_size=(target_height, target_width))
    assert images.images.shape == (1, 1, target_height, target_width)
    assert (images.images == 33).all()


def test_the_middle_is_kept_and_the_sides_are_cropped(tmp_path):
    picture = np.zeros((30, 90), np.uint8)
    picture[:, 30:60] = 200
    Image.fromarray(picture).save(tmp_path / "wide.png")
    Image.fromarray(picture.T.copy()).save(tmp_path / "tall.png")
    middle = load(tmp_path, image_size=(10, 10)).images[:, 0, 1:-1, 1:-1]
    assert np.abs(middle.astype(int) - 200).max() <= 5


def test_shrinking_averages_instead_of_picking_pixels(tmp_path):
    stripes = np.zeros((256, 256), np.uint8)
    stripes[:, ::2] = 200
    Image.fromarray(stripes).save(tmp_path / "a.png")
    assert np.abs(load(tmp_path, image_size=(16, 16)).images.astype(int) - 100).max() <= 8


def test_photographs_are_turned_upright(tmp_path):
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[:20] = 250
    orientation = Image.Exif()
    orientation[0x0112] = 6  # the camera was turned: the left of what is stored is the top
    Image.fromarray(np.rot90(picture).copy()).save(tmp_path / "a.jpg", exif=orientation, quality=95)
    upright = load(tmp_path, image_size=(40, 40)).images[0, 0]
    assert upright[:16].min() > 220
    assert upright[24:].max() < 30


def test_a_large_photograph_looks_as_if_decoded_in_full(tmp_path):
    rows, columns = np.mgrid[:1024, :1024] / 1024
    picture = (127 + 100 * np.sin(9 * rows) * np.cos(7 * columns)).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.jpg", quality=95)
    drafted = load(tmp_path, image_size=(32, 32)).images[0, 0]
    full = picture.reshape(32, 32, 32, 32).mean(axis=(1, 3))
    assert np.abs(drafted - full).max() < 8


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a size and holds no pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")


def test_broken_files_are_named_and_the_rest_is_read(tmp_path):
    save(tmp_path / "good.png", colour=80)
    save(tmp_path / "whole.jpg", colour=80, size=(300, 300))
    noise = np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)
    Image.fromarray(noise).save(tmp_path / "cut.jpg")
    os.truncate(tmp_path / "cut.jpg", 5000)
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "bomb.png").write_bytes(png_header(60_000, 60_000))
    (tmp_path / "nowhere.png").symlink_to(tmp_path / "gone")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        images = load(tmp_path)
    assert shades(images) == [80, 80]
    reasons = dict(line.split(": ", 1) for line in images.skipped)
    assert list(reasons) == ["bomb.png", "cut.jpg", "empty.png", "nowhere.png", "text.png"]
    assert reasons["bomb.png"] == "more pixels than any honest image has"
    assert "truncated" in reasons["cut.jpg"]
    assert reasons["nowhere.png"] == "No such file or directory"
    assert summarize(config_of(tmp_path), NO_ROOT).n == 7


def test_other_kinds_of_files_are_passed_over(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / ".hidden.png")
    save(tmp_path / ".cache" / "b.png")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    images = load(tmp_path)
    assert (images.n, images.skipped) == (1, ())


def test_a_postscript_program_in_disguise_is_not_run(tmp_path):
    save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n")
    assert load(tmp_path).skipped == ("b.png: not an image in a format that can be read",)


def test_links_in_circles_end_and_linked_folders_are_read_once(tmp_path):
    save(tmp_path / "set" / "a.png")
    save(tmp_path / "elsewhere" / "b.png")
    (tmp_path / "set" / "self").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "same").symlink_to(tmp_path / "elsewhere")
    assert load(tmp_path / "set").n == 2


def test_capital_endings_count(tmp_path):
    save(tmp_path / "A.PNG")
    save(tmp_path / "B.JPeG", format="JPEG")
    assert load(tmp_path).n == 2


def test_progress_counts_the_files(tmp_path):
    for number in range(5):
        save(tmp_path / f"{number}.png")
    told = []
    load_images(config_of(tmp_path), NO_ROOT, progress=lambda *row: told.append(row))
    assert told == [("reading images", done, 5) for done in range(1, 6)]


def test_reading_can_be_interrupted(tmp_path):
    for number in range(5):
        save(tmp_path / f"{number}.png")

    def interrupt(_what: str, done: int, _total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_images(config_of(tmp_path), NO_ROOT, progress=interrupt)
    assert load(tmp_path).n == 5


@pytest.mark.parametrize("open_set", [summarize, load_images])
class TestFoldersThatCannotBeUsed:
    def test_empty(self, tmp_path, open_set):
        with pytest.raises(DataError, match=r"The folder .* is empty"):
            open_set(config_of(tmp_path), NO_ROOT)

    def test_without_images(self, tmp_path, open_set):
        (tmp_path / "notes.txt").write_text("hello")
        (tmp_path / "below").mkdir()
        with pytest.raises(DataError, match=r"no images in the folder .*\.png \.jpg"):
            open_set(config_of(tmp_path), NO_ROOT)

    def test_all_broken(self, tmp_path, open_set):
        for name in ("a.png", "b.jpg"):
            (tmp_path / name).write_text("hello")
        with pytest.raises(
            DataError, match=r"None of the 2 image files .* the first is a\.png: not an image"
        ):
            open_set(config_of(tmp_path), NO_ROOT)

    def test_missing(self, tmp_path, open_set):
        with pytest.raises(DataError, match=r"There is no folder .*gone"):
            open_set(config_of(tmp_path / "gone"), NO_ROOT)

    def test_a_file(self, tmp_path, open_set):
        save(tmp_path / "a.png")
        with pytest.raises(DataError, match="is not a folder"):
            open_set(config_of(tmp_path / "a.png"), NO_ROOT)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_forbidden(self, tmp_path, open_set):
        tmp_path.chmod(0)
        try:
            with pytest.raises(DataError, match="Cannot read the folder"):
                open_set(config_of(tmp_path), NO_ROOT)
        finally:
            tmp_path.chmod(0o700)


def test_all_broken_is_found_when_the_channels_are_given_too(tmp_path):
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(DataError, match="None of the 1 image files"):
        load_images(config_of(tmp_path, channels=3), NO_ROOT)
