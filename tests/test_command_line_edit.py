"""`ddpm-studio edit` as a person calls it, on a run of a few steps."""

import json

import numpy as np
import pytest
from conftest import TINY_OPTIONS, call
from PIL import Image

SMALL = ["--n", "3", "--steps", "4", "--device", "cpu"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("edits") / "home"
    done = call(home, "train", "digits", "--name", "one", *TINY_OPTIONS, "--train.precision", "float32")
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="module")
def edit(home):
    def edit(*words):
        done = call(home, "edit", *words)
        assert done.returncode or not done.stderr, done.stderr  # no warning of a library either
        return done

    return edit


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two pictures in colour, larger than the run's 8 x 8, and a mask for them."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        Image.fromarray(random.integers(0, 256, (24, 16, 3), np.uint8)).save(folder / f"{name}.png")
    mask = np.zeros((24, 16), np.uint8)
    mask[8:] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    return folder


def pixels(path):
    return np.asarray(Image.open(path)).astype(int)


def as_the_run_sees_it(path, home, shape):
    from ddpm.picture_file import read_picture

    return read_picture(path, shape)[0].astype(int)


def shape_of(recipe):
    return (recipe["channels"], recipe["height"], recipe["width"])


def test_an_interpolation_begins_and_ends_near_its_pictures(edit, home, pictures, tmp_path):
    out = tmp_path / "out"
    # A network of 12 steps knows nothing of nearly pure noise, so the pictures go back only half of the way.
    options = ["--n", "5", "--steps", "24", "--strength", "0.5", "--clip", "none", "--iterations", "20"]
    done = edit(
        "interpolate",
        "one",
        pictures / "a.png",
        pictures / "b.png",
        *options,
        "--device",
        "cpu",
        "--out",
        out,
    )
    assert done.returncode == 0, done.stderr
    assert "5 images of step 12" in done.stdout
    recipe = json.loads((out / "edit.json").read_bytes())
    expected = {"edit": "interpolate", "run": "one", "n": 5, "encode": "inversion", "strength": 0.5}
    assert expected.items() <= recipe.items()
    assert recipe["pictures"] == [str(pictures / "a.png"), str(pictures / "b.png")]
    assert (out / "grid.png").exists()
    for end, name in [("0000.png", "a.png"), ("0004.png", "b.png")]:
        given = as_the_run_sees_it(pictures / name, home, shape_of(recipe))
        assert np.abs(pixels(out / end) - given).max() <= 1


def test_images_that_vary_with_strength_0_are_the_picture_and_with_1_a_sample(edit, home, pictures, tmp_path):
    for strength in ("0", "1"):
        done = edit(
            "image", "one", pictures / "a.png", "--strength", strength, *SMALL, "--out", tmp_path / strength
        )
        assert done.returncode == 0, done.stderr
    done = call(home, "sample", "one", *SMALL, "--out", tmp_path / "sample")
    assert done.returncode == 0, done.stderr
    recipe = json.loads((tmp_path / "0" / "edit.json").read_bytes())
    given = as_the_run_sees_it(pictures / "a.png", home, shape_of(recipe))
    for name in ("0000.png", "0001.png", "0002.png"):
        assert (pixels(tmp_path / "0" / name) == given).all()
        assert (pixels(tmp_path / "1" / name) == pixels(tmp_path / "sample" / name)).all()


def test_inpainting_keeps_what_is_dark_in_the_mask(edit, home, pictures, tmp_path):
    options = ["--n", "3", "--steps", "6", "--jump-length", "2", "--resample", "2", "--device", "cpu"]
    picture, mask = pictures / "a.png", pictures / "mask.png"
    for batch_size in ("3", "2"):
        out = tmp_path / batch_size
        done = edit("inpaint", "one", picture, mask, *options, "--batch-size", batch_size, "--out", out)
        assert done.returncode == 0, done.stderr
    recipe = json.loads((out / "edit.json").read_bytes())
    assert (recipe["sampler"], recipe["variance"], recipe["resample"]) == ("ddpm", "posterior", 2)
    from ddpm.picture_file import read_mask

    kept = read_mask(mask, picture, shape_of(recipe)[1:])[0] == 0
    given = as_the_run_sees_it(picture, home, shape_of(recipe))
    for name in ("0000.png", "0001.png", "0002.png"):
        painted = pixels(out / name)
        assert (painted[kept] == given[kept]).all()
        assert (painted[~kept] != given[~kept]).any()
        # Each picture has its own noise, whatever the batch.
        assert np.abs(painted - pixels(tmp_path / "3" / name)).max() <= 1
    assert (pixels(out / "0000.png") != pixels(out / "0001.png")).any()


def test_without_a_place_an_edit_goes_into_the_run_under_a_name_that_says_what_it_is(edit, home, pictures):
    done = edit("image", "one", pictures / "b.png", "--strength", "0.25", *SMALL)
    assert done.returncode == 0, done.stderr
    (folder,) = (home / "runs" / "one" / "samples").glob("image-b-*")
    assert folder.name == "image-b-step-00000012-ddim-4-seed-0-n-3-strength-0.25"


def test_what_cannot_be_is_one_sentence(edit, pictures, tmp_path):
    text = tmp_path / "words.png"
    text.write_text("not a picture")
    square = tmp_path / "square.png"
    Image.new("L", (8, 8), 255).save(square)
    dark = tmp_path / "dark.png"
    Image.new("L", (16, 24)).save(dark)
    a = pictures / "a.png"
    cases = [
        (["image", "one", tmp_path / "none.png"], 2, "There is no file"),
        (["image", "one", tmp_path], 2, "is a folder. Name a picture in it."),
        (["image", "one", text], 2, "not an image"),
        (["image", "one", a, "--strength", "1.5"], 2, "ddpm-studio: --strength: 1.5"),
        (["image", "one", a, "--guidance-scale", "2"], 2, "ddpm-studio: --guidance-scale: 2 has no meaning"),
        (["image", "one", a, "--label", "3,"], 2, "ddpm-studio: --label: the name of a class is empty"),
        (["image", "one", a, "--label", ""], 2, "ddpm-studio: --label: the name of a class is empty"),
        (
            ["image", "one", a, "--label", "3"],
            2,
            "label: 3 has no meaning, as this network is not told classes",
        ),
        (["inpaint", "one", a, square], 2, "8x8 pixels and the picture"),
        (["inpaint", "one", a, dark], 2, "dark everywhere"),
        (["inpaint", "one", a], 2, "MASK"),
        ([], 2, "EDIT"),
    ]
    for words, code, part in cases:
        done = edit(*words)
        assert done.returncode == code, (words, done.stderr)
        assert part in done.stderr, (words, done.stderr)
        assert "Traceback" not in done.stderr


def test_help_needs_no_torch(edit):
    done = edit("inpaint", "--help")
    assert done.returncode == 0
    assert "--jump-length" in done.stdout
