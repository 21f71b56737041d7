"""A resumed run is the run that was never stopped: every tensor and every number, bit for bit, across processes."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import COMMAND_LINE, REPOSITORY, TINY_OPTIONS, call, environment
from fork_server import start
from PIL import Image
from safetensors.numpy import load_file

from ddpm.runs import Run

# Trains a run until a step, then says stop, as a person would between two steps.
TRAIN_UNTIL = """
import sys, pathlib
from ddpm.events import StepDone
from ddpm.runs import Run
from ddpm.session import train_run
run, data, last = Run(pathlib.Path(sys.argv[1])), pathlib.Path(sys.argv[2]), int(sys.argv[3])
step = 0
for event in train_run(run, data_root=data, take_commands=lambda: ["stop"] if step == last else []):
    step = event.step if isinstance(event, StepDone) else step
"""

OPTIONS = [
    *TINY_OPTIONS,
    "--steps=40",
    "--checkpoint-every=15",
    "--train.keep_checkpoints=9",
    "--train.log_every=3",
    "--train.ema_more_decays=0.9",
    "--train.ema_lengths=0.05,0.1",
    "--train.ema_snapshot_every=8",
]


def start_command(home, *words, **streams):
    """Start ddpm-studio, with ``home`` for its runs."""
    there = {"cwd": REPOSITORY, "env": environment(home.parent)}
    return start(COMMAND_LINE, *words, "--home", str(home), **there, **streams)


def same_records(one: Run, other: Run) -> None:
    """Compare all tensors, states and metrics of two runs, but for what a clock says."""
    a, b = one.checkpoints()[-1], other.checkpoints()[-1]
    assert a.step == b.step == 40
    for stem in ("model", "ema", "ema-0.9", "power-0.05", "power-0.1", "optimizer"):
        ours, theirs = load_file(a.path / f"{stem}.safetensors"), load_file(b.path / f"{stem}.safetensors")
        assert ours.keys() == theirs.keys()
        assert ours
        different = [name for name in ours if ours[name].tobytes() != theirs[name].tobytes()]
        assert different == [], stem
    manifests = [
        [p.read_bytes() for p in sorted(run.snapshots_path.glob("*/manifest.json"))] for run in (one, other)
    ]
    assert manifests[0] == manifests[1]
    assert len(manifests[0]) == 5
    measured = ("time", "seconds", "img_per_s", "memory")
    rows = [
        [{k: v for k, v in row.items() if k not in measured} for row in run.metrics()] for run in (one, other)
    ]
    assert rows[0] == rows[1]
    assert [row["step"] for row in rows[0]] == [*range(3, 40, 3), 40]
    assert [p.image.read_bytes() for p in one.previews()] == [p.image.read_bytes() for p in other.previews()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of 40 steps that nothing interrupted."""
    home = tmp_path_factory.mktemp("finished") / "home"
    done = call(home, "train", "digits", "--name", "whole", *OPTIONS)
    assert done.returncode == 0, done.stderr
    return Run(home / "runs" / "whole")


@pytest.fixture
def whole(finished, home):
    """That run, in the home of the test."""
    return Run(shutil.copytree(finished.path, home / "runs" / "whole"))


def test_17_and_23_steps_in_two_processes_are_40(whole, command_line, home, tmp_path):
    parts = shutil.copytree(whole.path, home / "runs" / "parts")
    for folder in ("checkpoints", "previews"):
        shutil.rmtree(parts / folder)
        (parts / folder).mkdir()
    (parts / "metrics.jsonl").unlink()
    first = [sys.executable, "-c", TRAIN_UNTIL, str(parts), str(home / "data"), "17"]
    subprocess.run(first, cwd=REPOSITORY, env=environment(tmp_path), check=True, timeout=100)
    run = Run(parts)
    assert [checkpoint.step for checkpoint in run.checkpoints()] == [15, 17]
    assert run.status().state == "stopped"
    done = command_line("train", "--resume", "parts")
    assert done.returncode == 0, done.stderr
    assert run.status().state == "finished"
    same_records(whole, run)


def test_going_back_to_an_older_checkpoint_repeats_the_run(whole, command_line, home):
    again = Run(shutil.copytree(whole.path, home / "runs" / "again"))
    done = command_line("train", "--resume", "again", "--checkpoint", "15")
    assert done.returncode == 0, done.stderr
    assert [checkpoint.step for checkpoint in again.checkpoints()] == [15, 30, 40]
    same_records(whole, again)


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_run_resumes_to_the_same_end(whole, command_line, home, tmp_path, kill):
    """The kill comes at whatever step it comes; SIGTERM and Ctrl-C leave a checkpoint of that very step."""
    run = Run(home / "runs" / "killed")
    with (tmp_path / "errors").open("w") as errors:
        process = start_command(home, "train", "digits", "--name", "killed", *OPTIONS, stderr=errors.fileno())
    while run.status().step < 16 and process.poll() is None:
        rows = run.metrics()
        if rows and rows[-1]["step"] >= 15 and run.checkpoints():
            break
        time.sleep(0.002)
    process.send_signal(kill)
    code = process.wait(timeout=60)
    assert not run.is_training()
    if code:
        assert code == (-kill if kill == signal.SIGKILL else 128 + kill)
        assert "Traceback" not in (tmp_path / "errors").read_text()
        if kill != signal.SIGKILL:
            assert run.status().state == "stopped"
            assert run.checkpoints()[-1].step == run.status().step
        done = command_line("train", "--resume", "killed")
        assert done.returncode == 0, done.stderr
    same_records(whole, run)


def test_more_steps_can_be_added_to_a_finished_run(whole, command_line):
    refused = command_line("train", "--resume", "whole")
    assert refused.returncode == 2
    assert "is at step 40, and train.steps is 40" in refused.stderr
    refused = command_line("train", "--resume", "whole", "--steps", "10")
    assert refused.returncode == 2
    assert "is at step 40, and train.steps is 10" in refused.stderr
    assert "with --steps, above 40." in refused.stderr
    done = command_line("train", "--resume", "whole", "--steps", "44")
    assert done.returncode == 0, done.stderr
    assert whole.config().train.steps == 44
    assert whole.checkpoints()[-1].step == 44
    kinds = [row["kind"] for row in whole.events()]
    assert kinds.count("started") == kinds.count("resumed") == 1


def test_a_damaged_newest_checkpoint_is_passed_over(whole, command_line, home):
    run = Run(shutil.copytree(whole.path, home / "runs" / "damaged"))
    weights = run.checkpoints()[-1].path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    refused = command_line("train", "--resume", "damaged", "--checkpoint", "40", "--steps", "50")
    assert refused.returncode == 1
    assert "is damaged: model.safetensors has" in refused.stderr
    assert run.config() == whole.config()
    done = command_line("train", "--resume", "damaged")
    assert done.returncode == 0, done.stderr
    same_records(whole, run)


def test_a_run_without_a_checkpoint_starts_again(command_line, home, whole):
    shutil.rmtree(whole.checkpoints_path)
    done = command_line("train", "--resume", "whole", "--steps", "6")
    assert done.returncode == 0, done.stderr
    assert "starts at its first step" in done.stderr
    assert [row["step"] for row in whole.metrics()] == [3, 6]


def test_a_resume_that_fails_leaves_the_recipe_as_it_was(command_line, whole):
    before = whole.config_path.read_bytes()
    refused = command_line("train", "--resume", "whole", "--steps", "50", "--device", "cuda:99")
    assert refused.returncode == 2
    assert whole.config_path.read_bytes() == before
    assert [row["step"] for row in whole.metrics()][-1] == 40
    done = command_line("train", "--resume", "whole", "--steps", "41")
    assert done.returncode == 0, done.stderr


def test_another_data_set_than_before_is_told(command_line, home, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(3):
        Image.new("L", (8, 8), index * 80).save(folder / f"{index}.png")
    options = ["--data.image_size", "8", "--name", "grows", *TINY_OPTIONS]
    assert command_line("train", folder, *options).returncode == 0
    Image.new("L", (8, 8), 255).save(folder / "more.png")
    done = command_line("train", "--resume", "grows", "--steps", "14")
    assert "has 4 images now and had 3" in done.stdout


def test_a_reader_that_leaves_costs_nothing(home, tmp_path):
    """As in `ddpm-studio train ... | head -1`."""
    words = ("train", "digits", "--name", "piped", *TINY_OPTIONS, "--steps=100000", "--checkpoint-every=50")
    ours, theirs = os.pipe()
    with (tmp_path / "errors").open("w") as errors:
        process = start_command(home, *words, stdout=theirs, stderr=errors.fileno())
    os.close(theirs)
    with open(ours) as output:  # noqa: PTH123  # no path, but a pipe
        assert "training piped" in output.readline()
    run = Run(home / "runs" / "piped")
    assert process.wait(timeout=60) == 128 + signal.SIGPIPE
    errors = (tmp_path / "errors").read_text()
    assert "Traceback" not in errors
    assert "Exception" not in errors
    assert run.status().state == "stopped"
    assert run.checkpoints()[-1].step == run.status().step


def test_under_nohup_a_line_that_drops_stops_nothing(home, tmp_path):
    """What nohup does is to ignore the signal before the command begins."""
    code = f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); {COMMAND_LINE}"
    words = ("train", "digits", "--name", "on", *OPTIONS, "--home", str(home))
    process = start(code, *words, cwd=REPOSITORY, env=environment(tmp_path))
    run = Run(home / "runs" / "on")
    while not run.metrics():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=60) == 0
    assert run.status().state == "finished"
