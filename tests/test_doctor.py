"""What the doctor finds, what it says to do, and its exit code."""

import json
import shutil

import pytest
import torch
from conftest import TINY

from ddpm import checkpoint as checkpoints
from ddpm.config import Config
from ddpm.runs import Status
from ddpm.runs_root import create_run
from studio import doctor


@pytest.fixture
def run(home):
    run = create_run(home / "runs", "one", Config.build(TINY))
    for step in (5, 10):
        checkpoints.save(run.checkpoints_path, step, {"model": {"a": torch.arange(6.0)}}, {})
    return run


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_a_sound_home_is_well(run, command_line):
    done = command_line("doctor", "--verify")
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("✓ python", "✓ torch", "✓ cpu", "✓ terminal   none", "✓ runs", "✓ disk", "All is well."):
        assert words in done.stdout
    assert "stopped, 2 whole checkpoints, hashes agree" in done.stdout


def test_what_only_hashes_show_is_found_with_verify_and_how_to_mend_it(run, command_line):
    flip_a_bit(run.checkpoints_path / "00000010" / "model.safetensors")
    assert command_line("doctor").returncode == 0
    done = command_line("doctor", "--verify")
    assert done.returncode == 1
    assert "✗ run one    checkpoint 10 is damaged: model.safetensors has changed" in done.stdout
    assert f"Delete {run.checkpoints_path / '00000010'}; the newest whole one is of step 5." in done.stdout
    assert "To be mended: 1." in done.stdout


def test_the_same_as_json_for_programs(run, command_line):
    (run.checkpoints_path / "00000005" / "manifest.json").unlink()
    run.config_path.write_text("format = 1\nnonsense = \x1b[31m")
    done = command_line("doctor", "--json")
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert answer["well"] is False
    ill = [finding for finding in answer["findings"] if not finding["well"]]
    assert [finding["subject"] for finding in ill] == ["run one", "run one"]
    assert "config.toml is not valid TOML" in ill[0]["found"]
    assert "manifest.json is missing" in ill[1]["found"]
    assert all(finding["mend"] for finding in ill)


def test_a_run_whose_process_is_gone_is_told_how_to_go_on(run):
    run.write_status(Status(state="running", step=7))
    (found,) = doctor.runs_in(run.path.parent, hashes=False)
    assert found.well
    assert "dead" in found.found
    assert "train --resume one" in found.found


def test_a_place_that_cannot_be_written_or_is_full_is_ill(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    writable, _ = doctor.place_of(tmp_path / "new" / "runs")
    assert writable.well
    assert "can be made" in writable.found
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    unwritable, full = doctor.place_of(tmp_path / "file")
    assert "--home" in unwritable.mend
    assert "Make room" in full.mend
    (unreadable,) = doctor.runs_in(tmp_path / "file", hashes=False)
    assert "--home" in unreadable.mend


def test_a_gpu_that_torch_cannot_use_is_ill(monkeypatch):
    monkeypatch.setattr(doctor, "_nvidia_driver", lambda: "570.86")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    ill = [finding for finding in doctor.torch_and_devices() if not finding.well]
    assert [finding.subject for finding in ill] == ["cuda"]
    assert "570.86" in ill[0].found
    assert "Install a torch" in ill[0].mend


def test_what_the_terminal_is_reached_through_is_named(monkeypatch):
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")
    assert doctor.terminal().found.endswith("through tmux and SSH")


def test_what_is_chosen_for_the_processor_is_told_with_its_reason_and_whether_it_was_measured():
    found = [finding.found for finding in doctor.chosen_for("cpu")]
    assert [words.partition(":")[0] for words in found] == [
        "precision",
        "layout",
        "attention",
        "compile",
        "optimizer",
    ]
    assert found[3] == "compile: off (it took minutes, and a step was no faster; measured)"
