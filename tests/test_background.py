"""Runs that go on in a background process: it outlives whoever started it, and is trained by nobody else."""

import os
import signal
import time

import pytest
from conftest import TINY_OPTIONS

from ddpm.runs import Run
from studio.cli import main

ENDLESS = [*TINY_OPTIONS, "--steps=1000000", "--checkpoint-every=1000000", "--preview-every=0"]


def wait_until(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def run(home):
    """The run that the test makes; whatever becomes of the test, its process does not outlive it."""
    run = Run(home / "runs" / "one")
    yield run
    if run.is_training():
        os.kill(run.status().pid, signal.SIGKILL)


def test_a_detached_run_goes_on_in_a_session_of_its_own(run, home, capsys):
    assert main(["--home", str(home), "train", "digits", "--name", "one", "--detach", *ENDLESS]) == 0
    status = run.status()
    assert status.state == "running"
    assert run.is_training()
    said = capsys.readouterr().out
    assert f"by process {status.pid}." in said
    assert f"ddpm-studio attach one --home {home}" in said
    assert os.getsid(status.pid) == status.pid != os.getsid(0)
    assert "training one on CPU" in run.log_path.read_text()

    assert main(["--home", str(home), "train", "--resume", "one", "--detach"]) == 1
    assert f"being trained already, by process {status.pid}" in capsys.readouterr().err

    os.kill(status.pid, signal.SIGTERM)
    wait_until(lambda: not run.is_training())
    assert run.status().state == "stopped"
    (left,) = run.checkpoints()
    assert left.step == run.status().step

    more = str(left.step + 3)
    assert main(["--home", str(home), "train", "--resume", "one", "--detach", "--steps", more]) == 0
    wait_until(lambda: run.status().state == "finished")
    assert run.checkpoints()[-1].step == left.step + 3
    assert "resumed" in [event["kind"] for event in run.events()]


def test_what_is_wrong_is_said_before_anything_is_made(home, tmp_path, capsys):
    assert main(["--home", str(home), "train", str(tmp_path / "nothing"), "--detach"]) == 2
    assert "nothing" in capsys.readouterr().err
    assert not home.exists()


def test_what_only_the_process_finds_is_said_in_its_words(run, home, tmp_path, capsys):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "broken.png").write_bytes(b"no picture")
    options = ["--data.image_size=8", "--data.channels=1", *TINY_OPTIONS]
    assert main(["--home", str(home), "train", str(folder), "--name", "one", "--detach", *options]) == 1
    said = capsys.readouterr().err
    assert "The background process could not train one." in said
    assert str(folder) in said
    assert run.status().state == "failed"
    assert run.status().message in said
