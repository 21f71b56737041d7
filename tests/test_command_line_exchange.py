"""``export`` and ``import`` as a person calls them."""

import json
import shutil

import pytest
import torch
from conftest import TINY_OPTIONS, call
from diffusers import DDPMPipeline
from safetensors.torch import load_file

from ddpm.config import Config
from ddpm.errors import ConfigError, WrongPlaceError
from ddpm.exchange.network_file import load_network_file
from ddpm.runs import Run
from studio.exporting import baked_class
from studio.networks import open_network


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A home with one short run."""
    home = tmp_path_factory.mktemp("trained") / "home"
    done = call(home, "train", "digits", "--name", "one", *TINY_OPTIONS)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="module")
def pipeline(trained):
    """The folder of its export for diffusers."""
    folder = trained.parent / "pipeline"
    done = call(trained, "export", "one", "--format", "diffusers", "--out", folder)
    assert done.returncode == 0, done.stderr
    assert "step 12 of one in" in done.stdout
    assert "(num_inference_steps=50)" in done.stdout
    return folder


def test_a_run_goes_to_diffusers_and_comes_back_identical(trained, pipeline):
    images = DDPMPipeline.from_pretrained(pipeline)(2, num_inference_steps=3, output_type="np").images
    assert images.shape == (2, 8, 8, 1)
    done = call(trained, "import", pipeline, "--name", "back")
    assert done.returncode == 0, done.stderr
    run = Run(trained / "runs" / "back")
    assert run.status().state == "stopped"
    assert run.status().message == f"imported from {pipeline}"
    there = load_file(trained / "runs" / "one" / "checkpoints" / "00000012" / "ema.safetensors")
    for stem in ("ema", "model"):
        back = load_file(run.path / "checkpoints" / "00000000" / f"{stem}.safetensors")
        assert back.keys() == there.keys()
        assert all(torch.equal(back[name], there[name]) for name in there)


def test_a_run_without_data_is_neither_trained_nor_measured_nor_marked_as_failed(trained, pipeline):
    done = call(trained, "import", pipeline, "--name", "bare")
    assert done.returncode == 0, done.stderr
    run = Run(trained / "runs" / "bare")
    before = run.status()
    for words in (("train", "--resume", "bare", "--device", "cpu"), ("evaluate", "bare")):
        done = call(trained, *words)
        assert done.returncode == 2
        assert "bare was imported without a data set" in done.stderr
        assert "import it again with `ddpm-studio import --data DATA`" in done.stderr
    assert run.status() == before
    assert [row["kind"] for row in run.events()] == ["imported"]


def test_a_file_is_drawn_from_and_neither_imported_nor_measured(trained, tmp_path):
    out = tmp_path / "one.safetensors"
    assert call(trained, "export", "one", "--format", "safetensors", "--out", out).returncode == 0
    done = call(trained, "import", out)
    assert (done.returncode, f"ddpm-studio sample {out}" in done.stderr) == (2, True)
    done = call(trained, "evaluate", out)
    assert (done.returncode, "evaluate needs a run" in done.stderr) == (2, True)


def test_an_imported_run_can_be_drawn_from_measured_and_trained_on(trained, pipeline):
    done = call(trained, "import", pipeline, "--data", "digits")
    assert done.returncode == 0, done.stderr
    assert "ddpm-studio train --resume pipeline-1" in done.stdout
    done = call(trained, "sample", "pipeline-1", "--n", "2", "--steps", "3", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    done = call(trained, "evaluate", "pipeline-1", "--metrics", "loss", "--n", "20", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    done = call(
        trained, "train", "--resume", "pipeline-1", "--steps", "4", "--device", "cpu", "--preview-every", "0"
    )
    assert done.returncode == 0, done.stderr
    assert "finished at step 4" in done.stdout
    assert [checkpoint.step for checkpoint in Run(trained / "runs" / "pipeline-1").checkpoints()] == [0, 4]


def test_a_file_holds_the_chosen_weights_of_the_chosen_checkpoint(trained, tmp_path):
    out = tmp_path / "one.safetensors"
    options = ("--checkpoint", "10", "--weights", "raw", "--out", out)
    done = call(trained, "export", "one", "--format", "safetensors", *options)
    assert done.returncode == 0, done.stderr
    network = load_network_file(out, "cpu")
    assert (network.step, network.weights, network.run_name) == (10, "raw", "one")
    there = load_file(trained / "runs" / "one" / "checkpoints" / "00000010" / "model.safetensors")
    assert all(torch.equal(there[name], tensor) for name, tensor in network.unet.state_dict().items())


def test_a_file_draws_what_its_run_draws_without_the_run(trained, tmp_path):
    out = tmp_path / "one.safetensors"
    done = call(trained, "export", "one", "--format", "safetensors", "--weights", "raw", "--out", out)
    assert done.returncode == 0, done.stderr
    options = ("--n", "2", "--steps", "3", "--seed", "5", "--device", "cpu")
    done = call(tmp_path / "elsewhere", "sample", out, *options)
    assert done.returncode == 0, done.stderr
    done = call(trained, "sample", "one", "--weights", "raw", *options, "--out", tmp_path / "of the run")
    assert done.returncode == 0, done.stderr
    (drawn,) = (tmp_path / "one-samples").iterdir()
    recipe = json.loads((drawn / "sample.json").read_text())
    assert (recipe["step"], recipe["weights"], recipe["run"]) == (12, "raw", "one")
    for name in ("0000.png", "0001.png"):
        assert (drawn / name).read_bytes() == (tmp_path / "of the run" / name).read_bytes()


def test_what_a_file_does_not_have_is_told(trained, tmp_path):
    out = tmp_path / "one.safetensors"
    assert call(trained, "export", "one", "--format", "safetensors", "--out", out).returncode == 0
    done = call(trained, "sample", out, "--weights", "raw")
    assert (done.returncode, "holds the ema weights only" in done.stderr) == (2, True)
    with pytest.raises(ConfigError, match="so --checkpoint has nothing to choose from"):
        open_network(trained / "runs", str(out), checkpoint=10)
    with pytest.raises(WrongPlaceError, match="There is no file"):
        open_network(trained / "runs", str(tmp_path / "other.safetensors"))


def test_what_cannot_be_imported_leaves_no_run(trained, pipeline, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(pipeline, other)
    index = json.loads((other / "model_index.json").read_text())
    (other / "model_index.json").write_text(json.dumps({**index, "_class_name": "StableDiffusionPipeline"}))
    for words, reason in (
        ((other, "--name", "never"), "holds a StableDiffusionPipeline"),
        ((pipeline, "--name", "never", "--data", "no-such"), "There is no data set named 'no-such'"),
    ):
        done = call(trained, "import", *words)
        assert done.returncode in (1, 2)
        assert reason in done.stderr
        assert "Traceback" not in done.stderr
    assert not (trained / "runs" / "never").exists()


def test_a_class_is_exported_by_its_name_or_number():
    data = {"image_size": (8, 8), "channels": 1, "class_names": ("cat", "dog")}
    config = Config.build({"data": data, "model": {"class_conditional": True}})
    labels = {None: None, "none": None, "dog": 1, "0": 0}
    assert {label: baked_class(config, label) for label in labels} == labels
    with pytest.raises(ConfigError, match="there is no class fox; there are cat, dog"):
        baked_class(config, "fox")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--format", "safetensors", "--label", "3"), "--label goes with --format diffusers"),
        (
            ("--format", "diffusers", "--label", "3"),
            "label: 3 has no meaning, as this network is not told classes",
        ),
        (("--format", "diffusers", "--out", "docs"), "holds something that is no earlier export"),
        (("--format", "diffusers", "--checkpoint", "7"), "There is no checkpoint of step 7"),
    ],
)
def test_wrong_options_of_export_are_told(trained, tmp_path, options, message):
    done = call(trained, "export", "one", "--out", tmp_path / "out", *options)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "out").exists()
