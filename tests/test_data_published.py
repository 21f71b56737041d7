"""The published sets: small files of their true formats, written here, where torchvision keeps them."""

import gzip
import hashlib
import io
import pickle
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_data_download import idx_gz, ignore, mirror  # noqa: F401
from test_data_named import assert_agree

from ddpm.config import DataConfig
from ddpm.datasets import DATASETS, load_images, open_stored
from ddpm.errors import DataError, MissingDataError
from ddpm.presets import config_for, preset_for
from ddpm.sources.archives import unpack_folder
from ddpm.sources.binary_sets import CIFAR10

RANDOM = np.random.default_rng(0)
TEN_NAMES = [f"thing_{number}" for number in range(10)]


def pixels(*shape: int) -> np.ndarray:
    return RANDOM.integers(0, 256, shape, np.uint8)


def load(source: str, root: Path, **values: object):
    config = DataConfig(source=source, **values)
    assert_agree(config, root)
    return load_images(config, root)


def cifar10_files(n: int = 4) -> tuple[dict[str, bytes], np.ndarray, np.ndarray]:
    """Five files of records: a label, then the red, the green and the blue plane, row by row."""
    images, labels = pixels(5, n, 3, 32, 32), RANDOM.integers(0, 10, (5, n))
    files = {"batches.meta.txt": "\n".join([*TEN_NAMES, "", ""]).encode(), "test_batch.bin": b"not read"}
    for batch in range(5):
        records = [
            bytes([label]) + image.tobytes()
            for label, image in zip(labels[batch], images[batch], strict=True)
        ]
        files[f"data_batch_{batch + 1}.bin"] = b"".join(records)
    return files, images.reshape(-1, 3, 32, 32), labels.ravel()


def cifar100_files() -> tuple[dict[str, bytes], np.ndarray, np.ndarray]:
    """Records with a coarse label before the fine one."""
    images, labels = pixels(6, 3, 32, 32), RANDOM.integers(0, 100, 6)
    content = b"".join(
        bytes([label % 20, label]) + image.tobytes() for label, image in zip(labels, images, strict=True)
    )
    names = "\n".join(f"fine_{number}" for number in range(100)).encode()
    return {"train.bin": content, "fine_label_names.txt": names}, images, labels


def write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def tar_gz(folder: str, files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def test_cifar10_is_read_from_its_records(tmp_path):
    files, images, labels = cifar10_files()
    write(tmp_path / "cifar-10-batches-bin", files)
    found = load("cifar10", tmp_path)
    np.testing.assert_array_equal(found.images, images)
    np.testing.assert_array_equal(found.labels, labels)
    assert found.class_names == tuple(TEN_NAMES)
    assert load("cifar10", tmp_path, image_size=(20, 24), channels=1).images.shape == (20, 1, 20, 24)


def test_cifar100_takes_the_fine_labels(tmp_path):
    files, images, labels = cifar100_files()
    write(tmp_path / "cifar-100-binary", files)
    found = load("cifar100", tmp_path)
    np.testing.assert_array_equal(found.images, images)
    np.testing.assert_array_equal(found.labels, labels)
    assert found.class_names[42] == "fine_42"


def test_records_of_an_odd_length_are_refused(tmp_path):
    files, *_ = cifar10_files()
    write(tmp_path / "cifar-10-batches-bin", {**files, "data_batch_3.bin": b"x" * 3074})
    with pytest.raises(
        DataError, match=r"data_batch_3\.bin is damaged: it has 3,074 bytes, and each image takes 3,073"
    ):
        load("cifar10", tmp_path)


def test_labels_beyond_the_classes_are_refused(tmp_path):
    files, *_ = cifar10_files()
    write(tmp_path / "cifar-10-batches-bin", {**files, "data_batch_3.bin": b"\xff" * 3073})
    with pytest.raises(DataError, match="labels from 0 to 255, and 10 classes"):
        load("cifar10", tmp_path)


def test_the_pickles_of_cifar_are_not_opened(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was opened",))

    folder = tmp_path / "cifar-10-batches-py"
    write(folder, {f"data_batch_{number}": pickle.dumps(Bomb()) for number in range(1, 6)})
    with pytest.raises(
        MissingDataError,
        match=r"cifar10 .*data_batch_1\.bin \(the binary version; .* pickles, which are never opened\)",
    ):
        load("cifar10", tmp_path)


def test_cifar10_is_downloaded_unpacked_and_not_asked_for_again(mirror, tmp_path, monkeypatch):  # noqa: F811
    datasets = pytest.importorskip("torchvision.datasets")
    files, images, _ = cifar10_files()
    content = tar_gz("cifar-10-batches-bin", files)
    mirror.files["/kriz/cifar-10-binary.tar.gz"] = content
    monkeypatch.setattr(datasets.CIFAR10, "url", f"{mirror.url}/kriz/cifar-10-python.tar.gz")
    with pytest.raises(DataError, match=r"its MD5 is .*, not c32a1d4ab5d03f1284b67883e8d87530"):
        load_images(DataConfig(source="cifar10"), tmp_path, download=True)
    small = replace(CIFAR10, md5=md5(content))
    small.download(tmp_path, ignore)
    np.testing.assert_array_equal(load("cifar10", tmp_path).images, images)
    assert [path.name for path in tmp_path.iterdir()] == ["cifar-10-batches-bin"]
    mirror.asked.clear()
    small.download(tmp_path, ignore)
    assert mirror.asked == []


@pytest.mark.parametrize(
    ("folder", "name"), [("cifar-10-batches-bin", "../../climbed"), ("elsewhere", "file"), ("..", "climbed")]
)
def test_an_archive_writes_nothing_outside_its_folder(tmp_path, folder, name):
    archive = tmp_path / "root" / "a.tar.gz"
    write(archive.parent, {"a.tar.gz": tar_gz(folder, {name: b"content"})})
    with pytest.raises(DataError, match=r"a\.tar\.gz holds no folder cifar-10-batches-bin"):
        unpack_folder(archive, archive.parent / "cifar-10-batches-bin", ignore)
    assert [path.name for path in tmp_path.rglob("*")] == ["root", "a.tar.gz"]


@pytest.mark.parametrize("content", [b"", b"no archive", tar_gz("f", {"a": pixels(9999).tobytes()})[:5000]])
def test_a_damaged_archive_is_one_sentence_and_leaves_nothing(tmp_path, content):
    write(tmp_path, {"a.tar.gz": content})
    with pytest.raises(DataError, match=r"Cannot unpack .*a\.tar\.gz"):
        unpack_folder(tmp_path / "a.tar.gz", tmp_path / "f", ignore)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


def test_stl10_stands_upright(tmp_path):
    images, labels = pixels(3, 3, 96, 96), np.array([1, 10, 4], np.uint8)
    stored = images.transpose(0, 1, 3, 2).tobytes()  # column by column
    names = "\n".join(TEN_NAMES).encode()
    write(
        tmp_path / "stl10_binary",
        {"train_X.bin": stored, "train_y.bin": labels.tobytes(), "class_names.txt": names},
    )
    found = load("stl10", tmp_path)
    np.testing.assert_array_equal(found.images, images)
    assert found.labels.tolist() == [0, 9, 3]
    assert found.class_names == tuple(TEN_NAMES)
    with pytest.raises(MissingDataError, match=r"unlabeled_X\.bin"):
        load("stl10-unlabeled", tmp_path)
    write(tmp_path / "stl10_binary", {"unlabeled_X.bin": stored})
    found = load("stl10-unlabeled", tmp_path)
    np.testing.assert_array_equal(found.images, images)
    assert (found.labels, found.class_names) == (None, ())
    assert isinstance(open_stored(DataConfig(source="stl10-unlabeled"), tmp_path).array.base, np.memmap)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("label_type", [np.uint8, np.float64])
def test_svhn_is_read_from_the_file_for_matlab(tmp_path, compressed, label_type):
    savemat = pytest.importorskip("scipy.io").savemat
    images = pixels(5, 3, 32, 32)
    labels = np.array([[1], [10], [9], [2], [10]], label_type)
    savemat(
        tmp_path / "train_32x32.mat",
        {"X": images.transpose(2, 3, 1, 0), "y": labels},
        do_compression=compressed,
    )
    found = load("svhn", tmp_path)
    np.testing.assert_array_equal(found.images, images)
    assert found.labels.tolist() == [1, 0, 9, 2, 0]
    assert found.class_names == tuple("0123456789")


@pytest.mark.parametrize("kept", [0, 50, 130, 150, 200, 400, -4])
def test_a_damaged_file_for_matlab_is_one_sentence(tmp_path, kept):
    savemat = pytest.importorskip("scipy.io").savemat
    path = tmp_path / "train_32x32.mat"
    savemat(path, {"X": pixels(32, 32, 3, 5), "y": np.ones((5, 1), np.uint8)}, do_compression=True)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"train_32x32\.mat"):
        load("svhn", tmp_path)


def test_kmnist_is_read_as_mnist_is(tmp_path):
    images = pixels(7, 28, 28)
    write(
        tmp_path / "KMNIST" / "raw",
        {"train-images-idx3-ubyte.gz": idx_gz(images), "train-labels-idx1-ubyte.gz": idx_gz(np.arange(7))},
    )
    found = load("kmnist", tmp_path)
    np.testing.assert_array_equal(found.images[:, 0], images)
    assert [found.class_names[label] for label in found.labels] == ["o", "ki", "su", "tsu", "na", "ha", "ma"]
    with pytest.raises(MissingDataError, match="mnist is not on this disk"):
        load("mnist", tmp_path)


def test_emnist_is_taken_out_of_its_archive_and_stands_upright(mirror, tmp_path, monkeypatch):  # noqa: F811
    datasets = pytest.importorskip("torchvision.datasets")
    images, labels = pixels(5, 28, 28), np.array([0, 10, 35, 36, 46])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for part in ("train", "test"):
            # The files hold columns where MNIST has rows.
            archive.writestr(
                f"gzip/emnist-balanced-{part}-images-idx3-ubyte.gz", idx_gz(images.swapaxes(1, 2))
            )
            archive.writestr(f"gzip/emnist-balanced-{part}-labels-idx1-ubyte.gz", idx_gz(labels))
    mirror.files["/gzip.zip"] = buffer.getvalue()
    monkeypatch.setattr(datasets.EMNIST, "url", f"{mirror.url}/gzip.zip")
    monkeypatch.setattr(datasets.EMNIST, "md5", md5(buffer.getvalue()))
    config = DataConfig(source="emnist")
    found = load_images(config, tmp_path, download=True)
    np.testing.assert_array_equal(found.images[:, 0], images)
    assert [found.class_names[label] for label in found.labels] == ["0", "A", "Z", "a", "t"]
    assert found.class_names == tuple(datasets.EMNIST.classes_split_dict["balanced"])
    assert sorted(path.name for path in (tmp_path / "EMNIST" / "raw").iterdir()) == [
        "emnist-balanced-train-images-idx3-ubyte.gz",
        "emnist-balanced-train-labels-idx1-ubyte.gz",
    ]
    # As torchvision leaves them: unpacked.
    for path in (tmp_path / "EMNIST" / "raw").iterdir():
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert_agree(config, tmp_path)


def photograph(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (60, 40)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, quality=95)


def middles(images) -> np.ndarray:
    height, width = images.image_size
    return images.images[:, :, height // 2, width // 2].astype(int)


def test_celeba_shows_the_middle_of_the_training_faces(tmp_path):
    face = np.zeros((218, 178, 3), np.uint8)
    face[20:198] = (10, 200, 60)
    folder = tmp_path / "celeba" / "img_align_celeba"
    folder.mkdir(parents=True)
    for number in (1, 2, 3):
        Image.fromarray(face).save(folder / f"00000{number}.jpg", quality=95)
    with pytest.raises(DataError, match=r"celeba is not on this disk.*list_eval_partition\.txt.*fetch it"):
        load("celeba", tmp_path)
    (tmp_path / "celeba" / "list_eval_partition.txt").write_text("000001.jpg 0\n000002.jpg 1\n000003.jpg 0\n")
    found = load("celeba", tmp_path)
    assert found.images.shape == (2, 3, 64, 64)
    assert found.labels is None
    assert np.abs(found.images[:, :, 2:-2].astype(int) - np.array([10, 200, 60])[:, None, None]).max() <= 6


def test_flowers_have_their_kinds(tmp_path):
    savemat = pytest.importorskip("scipy.io").savemat
    datasets = pytest.importorskip("torchvision.datasets")
    colours = [(200, 10, 10), (10, 200, 10), (10, 10, 200)]
    for number, colour in enumerate(colours, start=1):
        photograph(tmp_path / "flowers-102" / "jpg" / f"image_{number:05d}.jpg", colour)
    savemat(tmp_path / "flowers-102" / "imagelabels.mat", {"labels": np.array([[77, 1, 102]], np.uint8)})
    found = load("flowers", tmp_path)
    assert np.abs(middles(found) - colours).max() <= 4
    assert [found.class_names[label] for label in found.labels] == [
        "passion flower",
        "pink primrose",
        "blackberry lily",
    ]
    assert [name.rstrip("?") for name in datasets.Flowers102.classes] == list(found.class_names)


def test_a_flower_that_is_missing_is_named_and_takes_its_label_with_it(tmp_path):
    savemat = pytest.importorskip("scipy.io").savemat
    photograph(tmp_path / "flowers-102" / "jpg" / "image_00002.jpg", (1, 2, 3))
    savemat(tmp_path / "flowers-102" / "imagelabels.mat", {"labels": np.array([[5, 6]], np.uint8)})
    found = load_images(DataConfig(source="flowers"), tmp_path)
    assert found.labels.tolist() == [5]
    assert found.skipped == ("jpg/image_00001.jpg: No such file or directory",)


def pets_files(folder: Path) -> list[tuple[int, int, int]]:
    colours = [(200, 10, 10), (10, 200, 10), (10, 10, 200)]
    for name, colour in zip(["Abyssinian_1", "great_pyrenees_7", "Abyssinian_2"], colours, strict=True):
        photograph(folder / "images" / f"{name}.jpg", colour)
    (folder / "annotations").mkdir(parents=True)
    (folder / "annotations" / "trainval.txt").write_text(
        "#a comment\nAbyssinian_1 1 1 1\ngreat_pyrenees_7 2 2 8\n"
    )
    (folder / "annotations" / "test.txt").write_text("Abyssinian_2 1 1 1\n")
    return colours


def test_pets_have_their_breeds(tmp_path):
    colours = pets_files(tmp_path / "oxford-iiit-pet")
    found = load("pets", tmp_path)
    assert np.abs(middles(found) - colours).max() <= 4
    assert found.class_names == ("Abyssinian", "great pyrenees")
    assert found.labels.tolist() == [0, 1, 0]


def test_a_list_that_is_damaged_is_one_sentence(tmp_path):
    pets_files(tmp_path / "oxford-iiit-pet")
    (tmp_path / "oxford-iiit-pet" / "annotations" / "test.txt").write_text("../../secret 1 1 1\n")
    with pytest.raises(DataError, match=r"test\.txt is damaged: line 1 is '\.\./\.\./secret"):
        load("pets", tmp_path)


def test_pets_are_downloaded_and_unpacked(mirror, tmp_path, monkeypatch):  # noqa: F811
    datasets = pytest.importorskip("torchvision.datasets")
    pets_files(tmp_path / "source")
    resources = []
    for part in ("images", "annotations"):
        folder = tmp_path / "source" / part
        content = tar_gz(part, {path.name: path.read_bytes() for path in folder.iterdir()})
        mirror.files[f"/data/{part}.tar.gz"] = content
        resources.append((f"{mirror.url}/data/{part}.tar.gz", md5(content)))
    monkeypatch.setattr(datasets.OxfordIIITPet, "_RESOURCES", resources)
    assert load_images(DataConfig(source="pets"), tmp_path / "root", download=True).n == 3
    assert sorted(path.name for path in (tmp_path / "root" / "oxford-iiit-pet").iterdir()) == [
        "annotations",
        "images",
    ]
    mirror.asked.clear()
    load_images(DataConfig(source="pets"), tmp_path / "root", download=True)
    assert mirror.asked == []


@pytest.mark.parametrize("source", [name for name in DATASETS if name != "digits"])
def test_a_set_that_is_not_there_says_where_it_looked(tmp_path, source):
    with pytest.raises(DataError) as caught:
        load_images(DataConfig(source=source), tmp_path)
    assert f"{source} is not on this disk" in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_every_set_has_a_preset_and_says_what_it_is():
    assert {source: preset_for(source) for source in DATASETS} == {
        **dict.fromkeys(DATASETS, "folder-64"),
        "cifar10": "cifar10",
        "digits": "digits",
        "mnist": "mnist",
        "fashion-mnist": "fashion-mnist",
        "kmnist": "mnist",
        "emnist": "mnist",
    }
    for source, named in DATASETS.items():
        assert config_for(source).data.source == source
        assert f"{named.n:,}" in named.description
        assert f"{named.image_size[0]}x{named.image_size[1]}" in named.description
