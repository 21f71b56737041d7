"""Data sets of the Hugging Face hub: names, columns and classes, with the real library on real files."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image

from ddpm.config import Config, DataConfig
from ddpm.datasets import load_images, resolve, summarize
from ddpm.errors import DataError, MissingDataError
from ddpm.training_data import open_training_data

PICTURES = np.random.default_rng(0).integers(0, 256, (9, 20, 30, 3), np.uint8)
LABELS = [0, 1, 2, 2, 1, 0, 0, 1, 2]


@pytest.fixture
def datasets(monkeypatch, tmp_path):
    """The library, with its caches below this test's folder and no network."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return pytest.importorskip("datasets", reason="needs the extra hf")


def table(datasets, pictures=PICTURES, **columns):
    """A data set with a column that is no image, a column of images, and columns of the test's own."""
    features = {"id": datasets.Value("int32"), "picture": datasets.Image()}
    values = {"id": list(range(len(pictures))), "picture": [Image.fromarray(picture) for picture in pictures]}
    for name, (feature, column) in columns.items():
        features[name], values[name] = feature, column
    return datasets.Dataset.from_dict(values, features=datasets.Features(features))


def load(source: str, root, **values):
    """Load, and check that the summary had said the same shape."""
    config = DataConfig(source=source, **values)
    images = load_images(config, root)
    assert resolve(config, summarize(config, root)) == resolve(config, images)
    assert resolve(config, images).shape == images.images.shape[1:]
    return images


def test_the_column_of_images_and_that_of_classes_are_found(datasets, tmp_path):
    kinds = (datasets.ClassLabel(names=["cat", "dog", "owl"]), LABELS)
    table(datasets, kind=kinds).save_to_disk(tmp_path / "saved")
    images = load(f"hf:{tmp_path / 'saved'}", tmp_path, image_size=(20, 30))
    np.testing.assert_array_equal(images.images, PICTURES.transpose(0, 3, 1, 2))
    assert images.labels.tolist() == LABELS
    assert images.class_names == ("cat", "dog", "owl")
    assert (images.name, images.skipped) == ("saved", ())


def test_without_classes_there_are_no_labels_and_grey_pictures_have_one_channel(datasets, tmp_path):
    hidden = (datasets.ClassLabel(names=["a", "b"]), [-1] * 9)
    table(datasets, PICTURES[..., 0], hidden=hidden).save_to_disk(tmp_path / "saved")
    images = load(f"hf:{tmp_path / 'saved'}", tmp_path)
    assert images.images.shape == (9, 1, 64, 64)
    assert (images.labels, images.class_names) == (None, ())


def test_rows_that_were_filtered_keep_their_own_labels(datasets, tmp_path):
    kinds = (datasets.ClassLabel(names=["cat", "dog", "owl"]), LABELS)
    table(datasets, kind=kinds).select([8, 1, 5]).save_to_disk(tmp_path / "saved")
    images = load(f"hf:{tmp_path / 'saved'}", tmp_path, image_size=(20, 30))
    np.testing.assert_array_equal(images.images, PICTURES[[8, 1, 5]].transpose(0, 3, 1, 2))
    assert images.labels.tolist() == [2, 1, 0]


def test_a_split_can_be_named_and_one_that_is_not_there_lists_those_that_are(datasets, tmp_path):
    splits = {"train": table(datasets, PICTURES[:5]), "test": table(datasets, PICTURES[5:])}
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "saved")
    assert load(f"hf:{tmp_path / 'saved'}", tmp_path).n == 5
    assert load(f"hf:{tmp_path / 'saved'}:test", tmp_path).n == 4
    with pytest.raises(DataError, match="has the splits train, test, and no validation"):
        load(f"hf:{tmp_path / 'saved'}:validation", tmp_path)


def test_a_broken_picture_is_left_out_and_the_rest_is_streamed_as_it_is_read(datasets, tmp_path):
    rows = table(datasets).cast_column("picture", datasets.Image(decode=False)).to_list()
    rows[3]["picture"]["bytes"] = b"no picture"
    features = datasets.Features({"id": datasets.Value("int32"), "picture": datasets.Image()})
    datasets.Dataset.from_list(rows, features=features).save_to_disk(tmp_path / "saved")
    source = f"hf:{tmp_path / 'saved'}"
    assert load(source, tmp_path).skipped == ("row 3: not an image in a format that can be read",)
    batches = [
        open_training_data(
            Config.build({"data": {"source": source, "stream": stream}}), tmp_path
        ).images.batch(5, 20)
        for stream in ("never", "always")
    ]
    assert torch.equal(batches[0].x_0, batches[1].x_0)


def test_a_set_without_images_says_what_it_has(datasets, tmp_path):
    datasets.Dataset.from_dict({"text": ["a", "b"]}).save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match="has 2 rows and the columns text, but no images in them"):
        load(f"hf:{tmp_path / 'saved'}", tmp_path)


def test_what_was_fetched_is_read_from_the_data_root_ever_after(datasets, tmp_path, monkeypatch, capfd):
    # The library takes a folder of this name for the set of the hub.
    hub = tmp_path / "hub"
    (hub / "owner" / "name").mkdir(parents=True)
    table(datasets).to_parquet(hub / "owner" / "name" / "train.parquet")
    monkeypatch.chdir(hub)
    capfd.readouterr()
    config, root = DataConfig(source="hf:owner/name"), tmp_path / "root"
    with pytest.raises(
        MissingDataError, match=r"owner/name is not on this disk.*train hf:owner/name:train --download"
    ):
        load_images(config, root)
    told = []
    assert load_images(config, root, download=True, progress=lambda what, *_: told.append(what)).n == 9
    assert told[0] == "downloading owner/name"
    assert capfd.readouterr() == ("", "")
    monkeypatch.chdir(tmp_path)
    assert load("hf:owner/name:train", root).n == 9
    assert resolve(config, summarize(config, root)).source == "hf:owner/name:train"
    assert [path.name for path in (root / "hf").iterdir()] == ["owner--name--train"]


def test_a_download_that_fails_is_one_sentence_and_leaves_nothing(datasets, tmp_path):
    with pytest.raises(
        DataError, match=r"Cannot download hf:owner/missing: .*whether the set has the split train"
    ):
        load_images(DataConfig(source="hf:owner/missing"), tmp_path / "root", download=True)
    assert not (tmp_path / "root").exists()


def test_a_folder_of_something_else_is_one_sentence(datasets, tmp_path):
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError, match=r"Cannot read .*other as a data set of Hugging Face"):
        load(f"hf:{tmp_path / 'other'}", tmp_path)
    with pytest.raises(DataError, match=r"There is no folder .*gone"):
        load(f"hf:{tmp_path / 'gone'}", tmp_path)


@pytest.mark.parametrize("source", ["hf:", "hf:a/b/c", "hf:a/", "hf:-x", "hf::train"])
def test_names_that_name_nothing_are_refused(tmp_path, source):
    with pytest.raises(DataError, match="names no data set of the Hugging Face hub"):
        load(source, tmp_path)


def test_without_the_library_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match=r"pip install 'ddpm-studio\[hf\]'"):
        summarize(DataConfig(source="hf:owner/name"), tmp_path)
