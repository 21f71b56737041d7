"""Run directories of every format there was are read; of a newer one it is said what to install.

tests/formats/1 was written by version 0.1: a network of a few thousand numbers, six steps on the embedded digits.
"""

import json
import shutil

import pytest
from conftest import REPOSITORY

from ddpm import checkpoint as checkpoints
from ddpm.config import FORMAT
from ddpm.errors import CheckpointError, ConfigError
from ddpm.generate import draw, load_network
from ddpm.parameter_count import parameter_count
from ddpm.runs import Run
from ddpm.runs_root import open_run
from ddpm.sample_config import SampleConfig
from ddpm.session import train_run

FORMATS = REPOSITORY / "tests" / "formats"


@pytest.fixture
def run(tmp_path):
    return Run(shutil.copytree(FORMATS / "1", tmp_path / "runs" / "old"))


def test_there_is_a_run_of_every_format():
    assert sorted(path.name for path in FORMATS.iterdir()) == [str(n) for n in range(1, FORMAT + 1)]


def test_a_run_of_format_1_is_read_whole(run):
    assert open_run(run.path.parent, "old").config().train.steps == 6
    assert (run.status().state, run.status().step, run.status().host) == ("finished", 6, "a-machine")
    assert [row["step"] for row in run.metrics()] == [2, 4, 6]
    assert run.events()[-1]["kind"] == "finished"
    assert [preview.step for preview in run.previews()] == [6]
    for folder in (run.checkpoints_path, run.snapshots_path):
        (stored,) = checkpoints.list_checkpoints(folder)
        assert checkpoints.verify(stored) == ""


@pytest.mark.parametrize("weights", ["ema", "raw", "power-0.05", "post-hoc-0.08"])
def test_a_run_of_format_1_can_be_drawn_from(run, weights):
    network = load_network(run, checkpoints.find_checkpoint(run.checkpoints_path, None), weights, "cpu")
    assert run.status().parameters == parameter_count(network.config)
    *_, last = draw(network, SampleConfig(n=2, steps=3))
    assert last.x_t.shape == (2, 1, 8, 8)


def test_a_run_of_format_1_can_be_trained_on(run, tmp_path):
    config = run.config().with_values({"train": {"steps": 8}})
    checkpoint = checkpoints.find_checkpoint(run.checkpoints_path, None)
    for _ in train_run(run, data_root=tmp_path, take_commands=list, checkpoint=checkpoint, config=config):
        pass
    assert run.status().state == "finished"
    assert [row["step"] for row in run.metrics()] == [2, 4, 6, 8]


def test_a_newer_run_is_refused_with_what_to_install(run, command_line, home):
    text = run.config_path.read_text()
    assert f"format = {FORMAT}\n" in text
    run.config_path.write_text(text.replace(f"format = {FORMAT}\n", f"format = {FORMAT + 1}\nnews = 3\n"))
    with pytest.raises(
        ConfigError, match=r"newer ddpm-studio, as format 2; .* pip install --upgrade ddpm-studio"
    ):
        run.config()
    shutil.copytree(run.path, home / "runs" / "new")
    for words in (["train", "--resume", "new"], ["sample", "new"]):
        done = command_line(*words)
        assert done.returncode == 2, words
        assert "pip install --upgrade ddpm-studio" in done.stderr
    assert "new" in command_line("runs").stdout


def test_a_newer_checkpoint_is_refused_with_what_to_do(run):
    path = run.checkpoints_path / "00000006" / "manifest.json"
    manifest = json.loads(path.read_bytes())
    path.write_text(json.dumps({**manifest, "format": checkpoints.FORMAT + 1}))
    with pytest.raises(CheckpointError, match=r"newer ddpm-studio \(format 2\); update this one"):
        checkpoints.find_checkpoint(run.checkpoints_path, 6)
