"""The command line as a process: what it makes, what it refuses, and what it must not import."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY, TINY_OPTIONS, call, environment
from PIL import Image

from ddpm.recipe_file import from_toml
from ddpm.runs import Run
from ddpm.version import __version__


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A home with one short run."""
    home = tmp_path_factory.mktemp("trained") / "home"
    done = call(home, "train", "digits", "--name", "one", *TINY_OPTIONS)
    assert done.returncode == 0, done.stderr
    return home, done


def test_training_leaves_a_whole_run_directory_and_says_so(trained):
    home, done = trained
    run = Run(home / "runs" / "one")
    assert "training one on CPU" in done.stdout
    assert "1,797 images" in done.stdout
    assert "finished at step 12\ndraw from it: ddpm-studio sample " in done.stdout
    assert "\x1b" not in done.stdout
    assert run.status().state == "finished"
    assert [row["step"] for row in run.metrics()] == [4, 8, 12]
    assert [preview.step for preview in run.previews()] == [6, 12]
    assert [checkpoint.step for checkpoint in run.checkpoints()] == [5, 10, 12]
    config = from_toml((run.path / "config.toml").read_text())
    assert config.data.shape == (1, 8, 8)
    assert config.model.dim == 8
    with Image.open(run.previews()[-1].image) as image:
        assert image.size == (16, 16)


def test_a_runs_recipe_trains_the_same_run_again(trained, command_line, home):
    there, _ = trained
    recipe = there / "runs" / "one" / "config.toml"
    done = command_line("train", "--config", recipe, "--name", "two")
    assert done.returncode == 0, done.stderr
    losses = [
        [row["loss"] for row in Run(root / "runs" / name).metrics()]
        for root, name in ((there, "one"), (home, "two"))
    ]
    assert losses[0] == losses[1]


def sample(home, *options):
    done = call(home, "sample", "one", "--device", "cpu", *options)
    assert done.returncode == 0, done.stderr
    return done


def test_samples_are_files_with_their_recipe(trained, tmp_path):
    home, _ = trained
    out = tmp_path / "out"
    done = sample(home, "--n", "5", "--steps", "4", "--seed", "3", "--out", out)
    assert str(out / "grid.png") in done.stdout
    names = ["0000.png", "0001.png", "0002.png", "0003.png", "0004.png", "grid.png", "sample.json"]
    assert sorted(path.name for path in out.iterdir()) == names
    recipe = json.loads((out / "sample.json").read_bytes())
    expected = {"run": "one", "step": 12, "sampler": "ddim", "steps": 4, "n": 5, "seed": 3, "weights": "ema"}
    assert {key: recipe[key] for key in expected} == expected
    with Image.open(out / "0000.png") as image, Image.open(out / "grid.png") as grid:
        assert image.size == (8, 8)
        # Three columns and two rows of 48 pixels, and lines of 3.
        assert grid.size == (3 * 51 + 3, 2 * 51 + 3)
        assert np.array_equal(np.asarray(grid)[3:51:6, 3:51:6], np.asarray(image))


@pytest.mark.parametrize("sampler", [["ddim", "--eta", "0.5"], ["ddpm"], ["ddpm", "--variance", "beta"]])
def test_an_image_does_not_depend_on_its_batch(trained, tmp_path, sampler):
    home, _ = trained
    for batch_size in ("2", "7"):
        options = ["--sampler", *sampler, "--n", "7", "--steps", "6", "--batch-size", batch_size]
        sample(home, *options, "--out", tmp_path / batch_size)
    one, other = (
        np.stack([np.asarray(Image.open(tmp_path / size / f"{i:04d}.png")).astype(int) for i in range(7)])
        for size in ("2", "7")
    )
    # Another batch size may round differently in the last bit of a grey level, not more.
    assert np.abs(one - other).max() <= 1
    assert one.std() > 5


def test_a_smaller_drawing_leaves_nothing_of_a_larger_one(trained, tmp_path):
    home, _ = trained
    for n in ("6", "3"):
        sample(home, "--n", n, "--steps", "2", "--out", tmp_path)
    assert sorted(path.name for path in tmp_path.glob("0*.png")) == ["0000.png", "0001.png", "0002.png"]


def test_the_usual_steps_are_no_more_than_there_are(command_line, home):
    assert (
        command_line("train", "digits", "--name", "short", *TINY_OPTIONS, "--diffusion.T=7").returncode == 0
    )
    done = command_line("sample", "short", "--n", "2")
    assert done.returncode == 0, done.stderr
    assert "-ddim-7-" in done.stdout


def test_other_checkpoints_weights_and_seeds_draw_other_images(trained):
    home, _ = trained
    grids = set()
    for options in ([], ["--checkpoint", "5"], ["--weights", "raw"], ["--seed", "1"]):
        done = sample(home, "--n", "4", "--steps", "3", *options)
        folder = done.stdout.splitlines()[-1].removeprefix("grid: ")
        with Path(folder).open("rb") as file:
            grids.add(file.read())
    assert len(grids) == 4


def test_runs_are_listed_for_people_and_programs(trained):
    home, _ = trained
    (row,) = json.loads(call(home, "runs", "--json").stdout)
    assert (row["name"], row["state"], row["step"], row["checkpoints"]) == (
        "one",
        "finished",
        12,
        [5, 10, 12],
    )
    table = call(home, "runs").stdout
    assert "one" in table
    assert "finished" in table
    assert "12/12" in table


def test_the_home_may_stand_before_the_command(trained, tmp_path):
    home, _ = trained
    command = [sys.executable, "-m", "studio.cli", "--home", str(home), "runs", "--json"]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment(tmp_path), capture_output=True, text=True)
    assert [row["name"] for row in json.loads(done.stdout)] == ["one"]


def test_no_runs_is_no_error(command_line):
    done = command_line("runs")
    assert done.returncode == 0
    assert "ddpm-studio train digits" in done.stdout
    assert command_line("runs", "--json").stdout.strip() == "[]"


def test_a_folder_of_images_trains_and_names_the_broken_ones(command_line, home, tmp_path):
    folder = tmp_path / "my pictures"
    (folder / "deeper").mkdir(parents=True)
    for index in range(3):
        Image.new("RGB", (20 + index, 30), (index * 80, 10, 200)).save(folder / "deeper" / f"{index}.jpg")
    (folder / "broken.png").write_bytes(b"\x89PNG broken")
    done = command_line("train", folder, "--data.image_size", "9x6", "--name", "mine", *TINY_OPTIONS)
    assert done.returncode == 0, done.stderr
    run = Run(home / "runs" / "mine")
    assert run.config().data.shape == (3, 9, 6)
    assert run.status().dataset_size == 3
    assert "1 image file left out: " in done.stdout
    assert "There are no classes, as broken.png lies beside the folders deeper" in done.stdout
    assert "broken.png" in done.stdout
    assert any("broken.png" in row["message"] for row in run.events() if row["kind"] == "warning")


def nothing(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("hello")
    (tmp_path / "unreadable").mkdir()
    (tmp_path / "unreadable" / "a.png").write_bytes(b"no image")
    (tmp_path / "pictures").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "pictures" / "a.png")
    (tmp_path / "bad.toml").write_text("[train]\nstpes = 3\n")
    (tmp_path / "file").write_text("")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["train"], 2, "Say what to train on"),
        (["train", "nosuchset"], 2, "no data set named 'nosuchset'"),
        (["train", "mnits"], 2, "Did you mean mnist"),
        (["train", "mnist"], 1, "--download"),
        (["train", "{tmp}/empty"], 1, "empty"),
        (["train", "{tmp}/text"], 1, "no image"),
        (["train", "{tmp}/unreadable"], 1, "unreadable"),
        (["train", "{tmp}/bad.toml"], 2, "is not a folder and no .npy or .npz file"),
        (["train", "{tmp}/pictures", "--model.class_conditional", "yes"], 2, "has no classes"),
        (["train", "nosuchset", "--download"], 2, "no data set named 'nosuchset'"),
        (
            [
                "train",
                "digits",
                "--diffusion.schedule=linear",
                "--diffusion.beta_start=.9",
                "--diffusion.beta_end=.99",
            ],
            2,
            "alpha_bar",
        ),
        (["train", "digits", "--diffusion.T", "0"], 2, "diffusion.T: 0"),
        (["train", "digits", "--steps", "many"], 2, "train.steps: 'many'"),
        (["train", "digits", "--preset", "nosuch"], 2, "There are: digits"),
        (["train", "digits", "--config", "{tmp}/bad.toml"], 2, "did you mean train.steps"),
        (["train", "digits", "--config", "{tmp}/nosuch.toml"], 2, "No such file"),
        (["train", "digits", "--device", "tpu"], 2, "train.device: 'tpu'"),
        (
            ["train", "digits", "--nosuch", "3"],
            2,
            "train has no option --nosuch. See ddpm-studio train --help.",
        ),
        (["train", "digits", "--diffusion.predict", "v"], 2, "Did you mean --diffusion.prediction?"),
        (["train", "digits", "--dims=32"], 2, "train has no option --dims. Did you mean --model.dim?"),
        (["train", "digits", "--batch_size", "8"], 2, "Did you mean --batch-size?"),
        (["train", "digits", "mnist"], 2, "train takes nothing more, so 'mnist' is too much"),
        (["edit", "image", "one", "a.png", "--strenght", "1"], 2, "edit image has no option --strenght. Did"),
        (["--hom=x", "runs"], 2, "no option --hom. Did you mean --home?"),
        (["sample", "nope.safetensors"], 2, "There is no file nope.safetensors"),
        (["import", "NOSUCH"], 2, "There is no folder"),
        (["import", "README.md"], 2, "is not the folder of a diffusers pipeline"),
        (["train", "digits", "--name", "../up"], 2, "cannot be the name of a run"),
        (["train", "--resume", "nosuch"], 2, "no run named 'nosuch'"),
        (["train", "digits", "--resume", "x"], 2, "digits cannot go with --resume"),
        (["train", "digits", "--checkpoint", "3"], 2, "--resume"),
        (["sample", "nosuch"], 2, "no run named 'nosuch'"),
        (["sample"], 2, "RUN"),
        ([], 2, "needs a terminal"),
        (["nosuch"], 2, "There is no command 'nosuch'. There are train,"),
    ],
)
def test_bad_input_is_one_clear_sentence(command_line, home, tmp_path, words, code, said):
    nothing(tmp_path)
    done = command_line(*(word.format(tmp=tmp_path) for word in words))
    assert said in done.stderr
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert "usage:" not in done.stderr or "no option" not in done.stderr
    assert not list(home.glob("runs/*"))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["sample", "one", "--steps", "51"], 2, "T = 50; use 1 to 50"),
        (["sample", "one", "--steps", "0"], 2, "ddpm-studio: --steps: 0 is not allowed"),
        (["sample", "one", "--guidance-scale", "3"], 2, "ddpm-studio: --guidance-scale: 3 has no meaning"),
        (["sample", "one", "--sampler", "magic"], 2, "or 'euler-ancestral'"),
        (["sample", "one", "--checkpoint", "7"], 2, "Whole ones: 5, 10, 12"),
        (["train", "digits", "--name", "one"], 2, "a run named one already"),
        (["train", "--resume", "one", "--model.dim", "16"], 2, "--model.dim cannot go with --resume"),
    ],
)
def test_bad_requests_of_a_run_are_one_clear_sentence(trained, words, code, said):
    home, _ = trained
    before = sorted(home.rglob("*"))
    done = call(home, *words)
    assert said in done.stderr
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert sorted(home.rglob("*")) == before


def test_a_gpu_that_is_not_there_is_told_and_no_run_is_left_training(command_line, home):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA GPU")
    done = command_line("train", "digits", "--device", "cuda", "--name", "gpu")
    assert done.returncode == 2
    assert "no usable NVIDIA GPU" in done.stderr
    assert not (home / "runs" / "gpu").exists()
    assert "the device cpu" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written_is_told(command_line, home):
    home.mkdir()
    home.chmod(0o500)
    done = command_line("train", "digits")
    assert done.returncode == 1
    assert "Start ddpm-studio with another --home" in done.stderr


def test_a_home_below_a_file_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    done = call(tmp_path / "file" / "home", "train", "digits")
    assert done.returncode == 1
    assert "Start ddpm-studio with another --home" in done.stderr


def test_the_version(command_line):
    assert command_line("--version").stdout.strip() == f"ddpm-studio {__version__}"


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (["--help"], ["torch", "textual", "pydantic"]),
        (["train", "--help"], ["torch", "textual"]),
        (["evaluate", "--help"], ["torch", "textual"]),
        (["export", "--help"], ["torch", "textual"]),
        (["import", "--help"], ["torch", "textual"]),
        (["runs"], ["torch", "textual"]),
        (["train", "digits", *TINY_OPTIONS], ["textual"]),
    ],
)
def test_what_is_not_needed_is_not_imported(tmp_path, words, absent):
    script = (
        "import sys\n"
        "from studio.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print('IMPORTED', *[name for name in ('torch', 'textual', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words, "--home", str(tmp_path / "home")],
        cwd=REPOSITORY,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.stderr == "", "no warning of a library either"
    imported = done.stdout.splitlines()[-1].split()
    assert imported[0] == "IMPORTED", done.stderr
    assert set(imported) & set(absent) == set()


def test_what_the_first_paint_does_not_need_is_not_imported():
    script = (
        "import sys, studio.opening, studio.terminal\n"
        "print(*[name for name in ('torch', 'numpy', 'PIL', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, timeout=100
    )
    assert (done.stdout.split(), done.stderr) == ([], "")
