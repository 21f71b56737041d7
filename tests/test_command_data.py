"""The command ``data``: what can be trained on, and what a data set holds."""

import json

import numpy as np
from PIL import Image

from ddpm.config import DataConfig
from ddpm.datasets import DATASETS, load_images


def test_all_sets_are_listed_with_what_is_on_this_disk(command_line, tmp_path):
    done = command_line("data")
    assert done.returncode == 0, done.stderr
    for name in DATASETS:
        assert name in done.stdout
    assert "60,000" in done.stdout
    assert "no: an 11 MB download" in done.stdout
    rows = json.loads(command_line("data", "--json").stdout)
    assert [row["name"] for row in rows] == list(DATASETS)
    assert [row["name"] for row in rows if row["here"]] == ["digits"]


def test_a_folder_is_described(command_line, tmp_path):
    for name in ("cats/a.png", "dogs/b.png"):
        (tmp_path / "pictures" / name).parent.mkdir(parents=True)
        Image.new("RGB", (9, 9), (1, 2, 3)).save(tmp_path / "pictures" / name)
    done = command_line("data", tmp_path / "pictures")
    assert "2 image files, not opened yet, 64x64, colour\n2 classes: cats, dogs\n" in done.stdout
    Image.new("L", (9, 9)).save(tmp_path / "pictures" / "stray.png")
    assert "no classes, as stray.png lies beside" in command_line("data", tmp_path / "pictures").stdout
    np.save(tmp_path / "a.npy", np.zeros((5, 6, 7), np.uint8))
    assert "5 images, 6x7, grey" in command_line("data", tmp_path / "a.npy").stdout
    row = json.loads(command_line("data", tmp_path / "a.npy", "--json").stdout)
    assert (row["images"], row["image_size"], row["channels"]) == (5, [6, 7], 1)


def test_what_is_not_there_is_one_sentence(command_line):
    done = command_line("data", "mnits")
    assert done.returncode == 2
    assert "Did you mean mnist?" in done.stderr
    assert "Traceback" not in done.stderr


def test_decoded_images_are_told_of_and_deleted(command_line, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.new("RGB", (9, 9), (1, 2, 3)).save(pictures / "a.png")
    root = tmp_path / "root"
    load_images(DataConfig(source=str(pictures)), root)
    assert "decoded images are kept there too" in command_line("data", "--data-root", root).stdout
    assert f"deleted from {root / 'decoded'}" in command_line("data", "--forget", "--data-root", root).stdout
    assert not (root / "decoded").exists()
    assert "Nothing is kept" in command_line("data", "--forget", "--data-root", root).stdout
