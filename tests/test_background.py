"""Runs that go on in a background process: it outlives whoever started it, and is trained by nobody else."""

import asyncio
import os
import shutil
import signal
import subprocess
import time

import pytest
from app_pilot import drive, finished_run, press_and_agree, screen_text, tiny_config, until, until_seen
from conftest import COMMAND_LINE, REPOSITORY, TINY_OPTIONS, environment
from fork_server import run_code
from pseudo_terminal import StudioTerminal

from ddpm.runs import Run, Status
from ddpm.runs_root import create_run
from ddpm.session import train_run
from studio.background import BackgroundTraining
from studio.cli import main
from studio.handover import hand_over
from studio.long_job import GivenUpError
from studio.runner import Runner
from studio.screens.monitor import MonitorScreen
from studio.screens.runs import RunsScreen

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


def test_a_detached_run_goes_on_in_a_session_of_its_own_whoever_watches_it(run, home, capsys):
    """One watcher is suspended and then killed; another one pauses the run, resumes it and leaves."""
    assert main(["--home", str(home), "train", "digits", "--name", "one", "--detach", *ENDLESS]) == 0
    pid = run.status().pid
    said = capsys.readouterr().out
    assert f"by process {pid}." in said
    assert f"ddpm-studio attach one --home {home}" in said
    assert os.getsid(pid) == pid != os.getsid(0)
    wait_until(lambda: "training one on CPU" in run.log_path.read_text())

    suspended, watcher = StudioTerminal(home, "attach", "one"), StudioTerminal(home, "attach")
    suspended.until_seen("● running")
    suspended.signal(signal.SIGSTOP)
    watcher.until_seen("● running")
    watcher.press("p")
    watcher.until_seen("‖ paused")
    step = run.status().step
    watcher.press("p")
    watcher.until_seen("● running")
    wait_until(lambda: run.status().step > step)
    watcher.press("q")
    assert watcher.wait() == 0
    suspended.signal(signal.SIGKILL)
    assert suspended.wait() == -signal.SIGKILL

    assert main(["--home", str(home), "train", "--resume", "one", "--detach"]) == 1
    assert f"being trained already, by process {pid}" in capsys.readouterr().err
    os.kill(pid, signal.SIGHUP)
    step = run.status().step
    wait_until(lambda: run.status().step > step)
    assert (run.status().state, run.status().pid, run.checkpoints()) == ("running", pid, [])
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not run.is_training())
    assert run.status().state == "stopped"
    assert run.checkpoints()[-1].step == run.status().step


def test_what_is_wrong_is_said_before_anything_is_made(home, tmp_path, capsys):
    assert main(["--home", str(home), "train", str(tmp_path / "nothing"), "--detach"]) == 2
    assert "nothing" in capsys.readouterr().err
    assert not home.exists()


def test_what_only_the_process_finds_is_said_in_its_words(run, home, tmp_path, capsys):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "broken.png").write_bytes(b"no picture")
    create_run(
        home / "runs",
        "one",
        tiny_config(data={"source": str(folder), "image_size": [8, 8], "channels": 1}),
    )
    assert main(["--home", str(home), "train", "--resume", "one", "--detach", "--steps", "20"]) == 1
    said = capsys.readouterr().err
    assert "The background process could not train one." in said
    assert str(folder) in said
    assert (run.status().state, run.status().steps) == ("failed", 20)
    assert run.status().message in said


def test_a_full_disk_under_its_words_costs_words_not_training(run, home, tmp_path):
    code = f"import os; os.dup2(os.open('/dev/full', os.O_WRONLY), 1); {COMMAND_LINE}"
    words = ("train", "digits", "--name", "one", *TINY_OPTIONS, "--home", str(home))
    done = run_code(code, *words, cwd=REPOSITORY, env=environment(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert run.status().state == "finished"


def test_what_the_run_said_before_is_not_taken_for_the_new_process_nor_is_its_clock_asked(home):
    run = create_run(home / "runs", "one", tiny_config())
    with subprocess.Popen(["sleep", "600"]) as process:
        # In a container that is started anew, the number of a process comes again.
        run.write_status(Status(state="running", pid=process.pid, heartbeat=time.time()))
        training = BackgroundTraining(run, process, run.status(), time.monotonic(), 0)
        assert not training.has_begun()
        run.write_status(Status(state="running", pid=process.pid, heartbeat=1.0))
        assert training.has_begun()
        process.kill()


def test_several_to_watch_are_offered(home):
    runs = [finished_run(home, name) for name in ("one", "two")]
    with runs[0].locked(), runs[1].locked():
        app = StudioTerminal(home, "attach")
        app.until_seen("2 runs are being trained: choose")
        app.press("q")
        assert app.wait() == 0


def test_nothing_to_watch_is_a_sentence(home, capsys):
    finished_run(home, "done")
    assert main(["--home", str(home), "attach"]) == 2
    said = capsys.readouterr().err
    assert "is being trained" in said
    assert "train --resume RUN --detach" in said
    assert main(["--home", str(home), "attach", "dome"]) == 2
    assert "There is no run named 'dome'. Did you mean done? There are: done." in capsys.readouterr().err


def test_the_app_opens_in_the_monitor_that_was_asked_for_and_goes_back_to_the_list(home):
    chosen = finished_run(home, "chosen")

    async def script(pilot, app):
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen))
        await until_seen(pilot, "✓ finished")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))

    drive(home, script, show=chosen)


def bits_of(run):
    """Every tensor of the last checkpoint, and the rows of metrics without what a clock says."""
    newest = run.checkpoints()[-1]
    tensors = {path.name: path.read_bytes() for path in newest.path.glob("*.safetensors")}
    return newest.step, tensors, [(row["step"], row["loss"], row["lr"]) for row in run.metrics()]


def test_d_hands_a_run_over_and_it_ends_as_the_one_that_nobody_touched(run, home):
    """Handed over while it is paused, so that it is still there to be handed over, and paused again."""
    recipe = tiny_config(train={"steps": 200, "checkpoint_every": 1000}, previews={"every": 0})
    create_run(home / "runs", "one", recipe)
    whole = create_run(home / "elsewhere", "whole", recipe)
    farewell = []

    async def script(pilot, app):
        await until_seen(pilot, "one")
        await press_and_agree(pilot, "r")
        await until(pilot, lambda: run.status().state == "running")
        run.send("pause")
        await until_seen(pilot, "‖ paused")
        await pilot.press("d", "d")  # a key that bounces hands over once
        await until(pilot, lambda: not app.is_running)
        farewell.append(app.farewell)

    drive(home, script)
    pid = run.status().pid
    assert pid != os.getpid()
    assert f"one goes on in the background (process {pid}). `ddpm-studio attach one --home" in farewell[0]
    wait_until(lambda: run.status().state == "paused")
    run.send("resume")
    for _ in train_run(whole, data_root=home, take_commands=list):
        pass
    wait_until(lambda: run.status().state == "finished")
    assert bits_of(run) == bits_of(whole)
    assert [event["kind"] for event in run.events()].count("resumed") == 1


def test_a_hand_over_that_fails_leaves_the_app_with_a_checkpoint_to_resume_from(run, home):
    create_run(home / "runs", "one", tiny_config(train={"steps": 10**6}, previews={"every": 0}))

    async def script(pilot, app):
        await until_seen(pilot, "one")
        await press_and_agree(pilot, "r")
        await until_seen(pilot, "● running")
        run.log_path.mkdir()
        await pilot.press("d")
        await until_seen(pilot, "No background process could be")
        await pilot.press("escape")
        await until_seen(pilot, "■ stopped")
        await until(pilot, lambda: "Resume" in screen_text(pilot).splitlines()[-1])
        assert app.farewell == ""

    drive(home, script, (160, 48), toasts=True)
    assert run.checkpoints()[-1].step == run.status().step


def test_a_hand_over_that_nobody_wants_any_more_leaves_the_run_stopped_with_a_checkpoint(run, home):
    create_run(home / "runs", "one", tiny_config(train={"steps": 10**6}, previews={"every": 0}))
    runner = Runner(home / "data")
    runner.start(run)
    wait_until(lambda: run.status().state == "running")
    not_before_there_is_a_process = iter([False])
    with pytest.raises(GivenUpError):
        asyncio.run(
            hand_over(runner, run, home, home / "data", lambda: next(not_before_there_is_a_process, True))
        )
    assert run.checkpoints()[-1].whole
    assert not run.is_training()


def test_a_full_disk_keeps_a_run_from_being_handed_over_and_not_from_training(run, home, monkeypatch):
    create_run(home / "runs", "one", tiny_config(train={"steps": 10**6}, previews={"every": 0}))

    async def script(pilot, app):
        await until_seen(pilot, "one")
        await press_and_agree(pilot, "r")
        await until_seen(pilot, "● running")
        monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))
        await pilot.press("d")
        await until_seen(pilot, "one goes on here: to be handed over it needs")
        step = run.status().step
        await until(pilot, lambda: run.status().step > step)
        assert app.workshop.runner.trains(run)
        monkeypatch.undo()

    drive(home, script, (160, 48), toasts=True)
    assert run.status().state == "stopped"


def test_d_on_a_run_of_another_process_just_leaves(home):
    run = finished_run(home, "alpha")
    run.write_status(Status(state="running", step=12, steps=40, pid=4711, heartbeat=time.time()))
    farewell = []

    async def script(pilot, app):
        await until_seen(pilot, "● running")
        await pilot.press("enter")
        await until_seen(pilot, "p Pause")
        await pilot.press("d")
        await until(pilot, lambda: not app.is_running)
        farewell.append(app.farewell)

    with run.locked():
        drive(home, script)
        assert run.take_commands() == []
    assert farewell == ["alpha goes on in process 4711."]
