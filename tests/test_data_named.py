import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ddpm.config import DataConfig
from ddpm.datasets import DATASETS, load_images, resolve, summarize
from ddpm.errors import DataError

REPOSITORY = Path(__file__).parents[1]
REAL_DATA = Path(os.environ.get("DDPM_STUDIO_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def idx_bytes(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (7, 10, 12), np.uint8)


def put(folder: Path, pictures: np.ndarray, *, labels: int | None = None, gzipped: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    count = len(pictures) if labels is None else labels
    for name, array in ((IMAGES, pictures), (LABELS, np.arange(count) % 10)):
        if gzipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(array)))
        else:
            (folder / name).write_bytes(idx_bytes(array))


def assert_agree(config: DataConfig, root: Path) -> None:
    """The summary says what loading gives, and both fill in the same recipe."""
    summary, images = summarize(config, root), load_images(config, root)
    assert (summary.name, summary.n, summary.class_names) == (images.name, images.n, images.class_names)
    assert images.images.shape == (summary.n, summary.channels, *summary.image_size)
    assert images.images.dtype == np.uint8
    assert resolve(config, summary) == resolve(config, images)
    assert resolve(config, images).shape == images.images.shape[1:]


def test_the_embedded_digits_are_the_published_ones(tmp_path):
    sklearn = pytest.importorskip("sklearn.datasets")
    published = sklearn.load_digits()
    digits = load_images(DataConfig(source="digits"), tmp_path)
    np.testing.assert_array_equal(np.rint(digits.images[:, 0] * (16 / 255)), published.images)
    np.testing.assert_array_equal(digits.labels, published.target)
    assert digits.images.max() == 255


def test_the_embedded_digits_need_no_data_root(tmp_path):
    config = DataConfig(source="digits")
    digits = load_images(config, tmp_path / "nowhere")
    assert digits.images.shape == (1797, 1, 8, 8)
    assert digits.labels.dtype == np.int64
    assert np.bincount(digits.labels).min() >= 170
    assert_agree(config, tmp_path / "nowhere")


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize(
    ("source", "folder"),
    [
        ("mnist", "MNIST/raw"),
        ("mnist", "MNIST"),
        ("mnist", "mnist"),
        ("mnist", "."),
        ("fashion-mnist", "FashionMNIST/raw"),
        ("fashion-mnist", "fashion-mnist"),
        ("fashion-mnist", "."),
    ],
)
def test_idx_files_are_found_where_people_keep_them(tmp_path, pictures, source, folder, gzipped):
    root = tmp_path / "root"
    put(root / folder, pictures, gzipped=gzipped)
    found = load_images(DataConfig(source=source), root)
    np.testing.assert_array_equal(found.images[:, 0], pictures)
    np.testing.assert_array_equal(found.labels, np.arange(7))
    assert_agree(DataConfig(source=source), root)


def test_each_set_reads_its_own_folder(tmp_path, pictures):
    put(tmp_path / "MNIST/raw", pictures[:3])
    put(tmp_path / "FashionMNIST/raw", pictures[3:])
    assert load_images(DataConfig(source="mnist"), tmp_path).n == 3
    assert load_images(DataConfig(source="fashion-mnist"), tmp_path).n == 4


@pytest.mark.parametrize("folder", ["mnist", "MNIST/raw"])
def test_a_root_named_for_one_set_is_not_taken_for_another(tmp_path, pictures, folder):
    put(tmp_path / folder, pictures)
    assert load_images(DataConfig(source="mnist"), tmp_path / folder).n == 7
    with pytest.raises(DataError, match="fashion-mnist is not on this disk"):
        load_images(DataConfig(source="fashion-mnist"), tmp_path / folder)


def test_a_set_without_labels_has_none(tmp_path, pictures):
    put(tmp_path, pictures)
    (tmp_path / LABELS).unlink()
    assert load_images(DataConfig(source="mnist"), tmp_path).labels is None


@pytest.mark.parametrize("open_set", [summarize, load_images])
def test_a_missing_set_says_where_it_looked_and_what_to_do(tmp_path, open_set):
    with pytest.raises(DataError) as caught:
        open_set(DataConfig(source="mnist"), tmp_path)
    sentence = str(caught.value)
    assert str(tmp_path / "MNIST" / "raw") in sentence
    assert str(tmp_path / "mnist") in sentence
    assert "ddpm-studio train mnist" in sentence
    assert "--data-root" in sentence


def test_labels_of_other_images_are_refused(tmp_path, pictures):
    put(tmp_path, pictures, labels=5)
    with pytest.raises(DataError, match="mnist has 5 labels for 7 images"):
        load_images(DataConfig(source="mnist"), tmp_path)


@pytest.mark.parametrize("shape", [(0, 28, 28), (3, 0, 28), (1, 4097, 1)])
def test_impossible_sizes_are_refused(tmp_path, shape):
    put(tmp_path, np.zeros(shape, np.uint8))
    with pytest.raises(DataError, match=f"promises {shape[0]} images of {shape[1]}x{shape[2]}"):
        summarize(DataConfig(source="mnist"), tmp_path)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [None, (16, 16), (5, 8)])
def test_size_and_channels_can_be_chosen(tmp_path, channels, size):
    config = DataConfig(source="digits", image_size=size, channels=channels)
    chosen = load_images(config, tmp_path).images
    assert chosen.shape == (1797, channels, *(size or (8, 8)))
    assert (chosen[:, :3] == chosen[:, :1]).all()
    assert (chosen[:, 3:] == 255).all()
    assert_agree(config, tmp_path)


def test_resizing_keeps_the_picture(tmp_path):
    small = load_images(DataConfig(source="digits"), tmp_path).images
    large = load_images(DataConfig(source="digits", image_size=(32, 32)), tmp_path).images
    means = large.reshape(-1, 8, 4, 8, 4).mean(axis=(2, 4))
    assert np.corrcoef(means.ravel(), small.ravel())[0, 1] > 0.97
    assert abs(large.mean() - small.mean()) < 2


def test_images_that_cannot_fit_into_memory_are_refused(tmp_path, monkeypatch):
    class Memory:
        total = 10_000_000

    monkeypatch.setattr("psutil.virtual_memory", Memory)
    config = DataConfig(source="digits", image_size=(256, 256))
    with pytest.raises(DataError, match=r"1797 images of digits need 0\.1 GiB at 256x256 pixels"):
        load_images(config, tmp_path)


@pytest.mark.parametrize(
    ("source", "hint"),
    [("mnits", "Did you mean mnist"), ("Digits", "Did you mean digits"), ("fashion_mnist", "fashion-mnist?")],
)
def test_a_misspelt_name_gets_a_hint(tmp_path, monkeypatch, source, hint):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        summarize(DataConfig(source=source), tmp_path)
    assert hint in str(caught.value)
    for name in DATASETS:
        assert name in str(caught.value)


@pytest.mark.parametrize("source", ["no/such/folder", "a\0b", "x" * 5000])
def test_a_path_that_is_not_there_is_one_sentence(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError):
        load_images(DataConfig(source=source), tmp_path)


@pytest.mark.parametrize(("source", "n"), [("mnist", 60_000), ("fashion-mnist", None)])
def test_the_real_sets_read(source, n):
    config = DataConfig(source=source)
    try:
        summary = summarize(config, REAL_DATA)
    except DataError as error:
        pytest.skip(f"needs the real {source} under {REAL_DATA} or DDPM_STUDIO_TEST_DATA: {error}")
    assert n in (None, summary.n)
    images = load_images(config, REAL_DATA)
    assert images.images.shape == (summary.n, 1, 28, 28)
    assert set(images.labels) == set(range(10))
    assert 20 < images.images.mean() < 100


@pytest.mark.parametrize("whole", [True, False])
def test_an_installed_package_has_the_digits_inside(tmp_path, whole):
    shutil.copytree(REPOSITORY / "ddpm", tmp_path / "ddpm")
    if whole:
        (tmp_path / "ddpm" / "assets").mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / "assets" / "digits.npz", tmp_path / "ddpm" / "assets")
    program = (
        "from pathlib import Path; from ddpm.config import DataConfig; from ddpm.datasets import summarize;"
        "print(summarize(DataConfig(), Path()).n)"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    if whole:
        assert done.stdout == "1797\n"
    else:
        assert "DataError: The embedded digits are missing" in done.stderr


def test_data_sets_are_read_without_torch(tmp_path):
    program = (
        "import sys; from pathlib import Path;"
        "from ddpm.config import DataConfig; from ddpm.datasets import load_images;"
        "load_images(DataConfig(), Path()); sys.exit('torch' in sys.modules or 'torchvision' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    assert subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment).returncode == 0
