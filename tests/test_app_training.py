"""The app trains for real: a thread of its own, records on the disk, and nothing lost however it ends."""

import gc
import json
import threading
import time

import numpy as np
import pytest
from app_pilot import drive, finished_run, press_and_agree, screen_text, tiny_config, until, until_seen
from PIL import Image
from textual.widgets import Input

from ddpm.checkpoint import newest_whole
from ddpm.errors import RunError
from ddpm.runs_root import create_run, list_runs
from ddpm.sample_config import SampleConfig
from studio import messages
from studio.app import StudioApp
from studio.drawing import Drawer, Order
from studio.opening import run_app
from studio.runner import Runner
from studio.screens.monitor import MonitorScreen
from studio.screens.new_run import NewRunScreen
from studio.screens.runs import RunsScreen
from studio.screens.sample import SampleScreen
from studio.settings import Settings
from studio.terminal import find_pictures
from studio.widgets.preview import SamplePane

ENDLESS = {"train": {"steps": 1_000_000, "checkpoint_every": 1_000_000}, "previews": {"every": 0}}


def test_one_key_trains_on_the_digits_and_stopping_leaves_a_checkpoint(home):
    async def script(pilot, app):
        await until_seen(pilot, "There are no runs yet")
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen))
        await until_seen(pilot, "● running")
        await until(pilot, lambda: app.screen.view.step > 2)
        await pilot.press("S")
        await until_seen(pilot, "Stop training digits-1?")
        await pilot.press("enter")
        await until_seen(pilot, "■ stopped")

    drive(home, script)
    run = list_runs(home / "runs")[0]
    assert (run.name, run.status().state) == ("digits-1", "stopped")
    assert newest_whole(run.checkpoints_path).step == run.status().step


def test_a_run_from_the_form_trains_to_its_end_with_curve_and_samples(home):
    async def script(pilot, app):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        small = {
            "train-steps": "12",
            "train-batch_size": "8",
            "model-dim": "8",
            "previews-every": "6",
            "name": "mine",
        }
        for id, value in small.items():
            app.screen.query_one(f"#{id}").query_one(Input).value = value
        await pilot.press("ctrl+s")
        await until_seen(pilot, "✓ finished")
        pane = app.screen.query_one(SamplePane)
        await until(pilot, lambda: pane.arrangement is not None)
        await until(pilot, lambda: len(app.screen.view.loss) > 0)
        assert "12/12" in screen_text(pilot)

    drive(home, script)
    run = list_runs(home / "runs")[0]
    assert run.config().train.steps == 12
    assert newest_whole(run.checkpoints_path).step == 12


def test_pausing_and_going_on(home):
    create_run(home / "runs", "alpha", tiny_config(**ENDLESS))

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("r")
        await until_seen(pilot, "no whole checkpoint")
        await pilot.press("y")
        await until_seen(pilot, "● running")
        await pilot.press("p")
        await until_seen(pilot, "‖ paused")
        await until(pilot, lambda: "p Go on" in screen_text(pilot))
        await pilot.press("p")
        await until_seen(pilot, "● running")

    drive(home, script)


def test_resuming_a_finished_run_asks_for_a_later_step_and_goes_on_from_its_newest_checkpoint(home):
    runner = Runner(home / "data")
    run = create_run(home / "runs", "alpha", tiny_config(train={"steps": 10}))
    runner.start(run)
    runner.join()
    assert runner.error == ""

    async def script(pilot, app):
        await until_seen(pilot, "r Resume")
        await pilot.press("c")
        await until_seen(pilot, "✓ whole")
        await pilot.press("r")
        await until_seen(pilot, "Train alpha up to which step?")
        await pilot.press(*["backspace"] * 2, "9", "enter")
        await until_seen(pilot, "Give a later one.")
        await pilot.press("backspace", *"14", "enter")
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen))
        await until_seen(pilot, "14/14")
        await until_seen(pilot, "✓ finished")

    drive(home, script)
    assert "resumed" in [event["kind"] for event in run.events()]
    assert run.config().train.steps == 14


def test_quitting_while_training_asks_and_then_saves(home):
    create_run(home / "runs", "alpha", tiny_config(**ENDLESS))

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await press_and_agree(pilot, "r")
        await until_seen(pilot, "● running")
        await pilot.press("q")
        await until_seen(pilot, "save a checkpoint and quit?")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen))
        assert app.workshop.runner.is_alive
        await pilot.press("q")
        await until_seen(pilot, "save a checkpoint and quit?")
        await pilot.press("y")
        await until(pilot, lambda: not app.is_running)
        assert not app.workshop.runner.is_alive

    drive(home, script)
    run = list_runs(home / "runs")[0]
    assert run.status().state == "stopped"
    assert newest_whole(run.checkpoints_path) is not None


def wait_for_running(run):
    deadline = time.monotonic() + 60
    while run.status().state != "running":
        assert time.monotonic() < deadline, run.status()
        time.sleep(0.02)


def test_an_app_that_breaks_saves_the_run_it_was_training(home, monkeypatch, capsys):
    run = create_run(home / "runs", "alpha", tiny_config(**ENDLESS))

    def broken(app):
        app.workshop.runner.start(run)
        wait_for_running(run)
        raise ZeroDivisionError("a handler broke")

    monkeypatch.setattr(StudioApp, "run", broken)
    with pytest.raises(ZeroDivisionError):
        run_app(home, home / "data", find_pictures("half"), Settings())
    assert "Saving a checkpoint" in capsys.readouterr().err
    assert run.status().state == "stopped"
    assert newest_whole(run.checkpoints_path).step == run.status().step


def test_one_run_at_a_time_and_no_run_twice(home):
    runner = Runner(home / "data")
    first = create_run(home / "runs", "alpha", tiny_config(**ENDLESS))
    second = create_run(home / "runs", "beta", tiny_config())
    runner.start(first)
    try:
        with pytest.raises(
            RunError, match=r"alpha is being trained in this app.* or train beta from another"
        ):
            runner.start(second)
        with pytest.raises(RunError, match=r"in this app\. Stop it first \(S in its monitor\)\.$"):
            runner.start(first)
    finally:
        runner.stop()
        runner.join()
    with second.locked(), pytest.raises(RunError, match="by another process"):
        runner.start(second)
    assert runner.error == ""


def test_a_data_set_that_is_gone_is_one_sentence(home, tmp_path):
    runner = Runner(home / "data")
    run = create_run(home / "runs", "alpha", tiny_config(data={"source": str(tmp_path / "nothing")}))
    runner.start(run)
    runner.join()
    assert "nothing" in runner.error
    assert "Traceback" not in runner.error
    assert run.status().state == "failed"

    async def script(pilot, app):
        await until_seen(pilot, "✗ failed")
        await pilot.press("enter")
        await until_seen(pilot, "Mend the cause, then press r")

    drive(home, script)


def test_a_stop_while_data_are_read_ends_the_reading(home, tmp_path, monkeypatch):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for at in range(3):
        Image.new("L", (8, 8), at).save(folder / f"{at}.png")
    run = create_run(home / "runs", "alpha", tiny_config(data={"source": str(folder), "image_size": [8, 8]}))
    runner, told, collects = Runner(home / "data"), [], []
    note = runner._note_progress

    def stop_at_first_word(what, done, total):
        told.append(what)
        collects.append(gc.isenabled())
        runner.stop()
        assert runner.is_stopping(run)
        note(what, done, total)

    monkeypatch.setattr(runner, "_note_progress", stop_at_first_word)
    runner.start(run)
    runner.join(60)
    assert not runner.is_alive
    assert len(told) == 1
    assert collects == [True]
    assert (runner.error, run.status().state, run.checkpoints()) == ("", "stopped", [])


def test_a_run_that_has_begun_is_no_longer_starting(home):
    runner = Runner(home / "data")
    run = create_run(home / "runs", "alpha", tiny_config(**ENDLESS))
    runner.start(run)
    try:
        deadline = time.monotonic() + 60
        while runner.is_starting(run):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert runner.trains(run)
    finally:
        runner.stop()
        runner.join()


def test_a_second_start_is_refused_and_leaves_no_run_behind(home):
    first = create_run(home / "runs", "alpha", tiny_config(**ENDLESS))
    second = create_run(home / "runs", "beta", tiny_config())

    async def script(pilot, app):
        app.post_message(messages.StartTraining(first))
        await until(pilot, lambda: app.workshop.runner.trains(first))
        app.post_message(messages.StartTraining(second))
        await until_seen(pilot, "alpha is being trained in this app")
        await until(pilot, lambda: not second.path.exists())

    drive(home, script, (160, 48), toasts=True)


def test_a_long_look_for_a_checkpoint_is_told_and_can_be_cancelled(home, monkeypatch):
    run = create_run(home / "runs", "alpha", tiny_config())
    has_found = threading.Event()

    def slow(path, told):
        has_found.wait(60)
        return newest_whole(path, told)

    monkeypatch.setattr("ddpm.checkpoint.newest_whole", slow)

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("r")
        await until_seen(pilot, "Reading the newest checkpoint")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await pilot.press("r")
        await until_seen(pilot, "Reading the newest checkpoint")
        has_found.set()
        await until_seen(pilot, "has no whole checkpoint")

    try:
        drive(home, script)
    finally:
        has_found.set()
    assert not run.is_training()


def test_a_resume_that_cannot_be_is_refused_before_it_is_asked_about(home):
    run = create_run(home / "runs", "alpha", tiny_config())

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("r")
        await until_seen(pilot, "alpha is being trained by another process")
        await pilot.press("escape")
        assert isinstance(app.screen, RunsScreen)

    with run.locked():
        drive(home, script, (160, 48), toasts=True)


def test_a_stop_needs_no_disk(home):
    runner = Runner(home / "data")
    run = create_run(home / "runs", "alpha", tiny_config(**ENDLESS))
    runner.start(run)
    wait_for_running(run)
    run.inbox_path.rmdir()
    runner.stop()
    runner.join(60)
    assert not runner.is_alive
    assert run.status().state == "stopped"


@pytest.fixture
def trained(home):
    """A run that was really trained, for a few steps."""
    runner = Runner(home / "data")
    run = create_run(home / "runs", "alpha", tiny_config())
    runner.start(run)
    runner.join()
    assert runner.error == ""
    return run


def test_images_form_and_are_saved_with_their_recipe(home, trained):
    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, SampleScreen))
        assert app.screen.drawer in app.drawers
        for id, value in {"steps": "5", "n": "3", "seed": "7"}.items():
            app.screen.query_one(f"#{id}").query_one(Input).value = value
        await pilot.press("ctrl+s")
        await until_seen(pilot, "5/5")
        await until_seen(pilot, "Press w to save")
        pane = app.screen.query_one(SamplePane)
        await until(pilot, lambda: pane.arrangement and pane.arrangement.shown == 3)
        assert app.screen.query_one(SamplePane).border_title == "samples"
        await until(pilot, lambda: "x_t" not in screen_text(pilot).splitlines()[-1])
        await pilot.press("o")
        assert app.screen.query_one(SamplePane).border_title == "samples"
        await pilot.press("w")
        await until_seen(pilot, "Saved in")

    drive(home, script, (120, 40))
    (folder,) = (trained.path / "samples").iterdir()
    recipe = json.loads((folder / "sample.json").read_text())
    assert (recipe["n"], recipe["seed"], recipe["steps"], recipe["sampler"]) == (3, 7, 5, "ddim")
    assert (recipe["run"], recipe["step"]) == ("alpha", 12)
    images = [np.asarray(Image.open(folder / f"{at:04d}.png")) for at in range(3)]
    assert {image.shape for image in images} == {(8, 8)}
    assert not (folder / "0003.png").exists()


def test_an_app_that_breaks_stops_its_drawing(home, trained, monkeypatch):
    trained.write_config(trained.config().with_values({"diffusion": {"T": 50}}))
    drawer = Drawer(home / "data")

    def broken(app):
        app.drawers.add(drawer)
        drawer.start(trained, newest_whole(trained.checkpoints_path), Order(SampleConfig(n=9000, steps=50)))
        raise ZeroDivisionError("a handler broke")

    monkeypatch.setattr(StudioApp, "run", broken)
    with pytest.raises(ZeroDivisionError):
        run_app(home, home / "data", find_pictures("half"), Settings())
    drawer.join(60)
    frame = drawer.frames.latest
    assert (drawer.is_alive, drawer.error) == (False, "")
    assert frame is None or frame.done < frame.total


def test_drawing_can_be_stopped_and_begun_again(home, trained):
    trained.write_config(trained.config().with_values({"diffusion": {"T": 50}}))

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, SampleScreen))
        app.screen.query_one("#n").query_one(Input).value = "9000"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.screen.drawer.is_alive)
        await pilot.press("x")
        await until(pilot, lambda: not app.screen.drawer.is_alive)
        await until_seen(pilot, "Stopped")
        app.screen.query_one("#n").query_one(Input).value = "2"
        await pilot.press("ctrl+s")
        await until_seen(pilot, "Press w to save")

    drive(home, script, (120, 40))


def test_wrong_sampling_values_are_marked_at_their_fields(home):
    finished_run(home, "alpha")

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, SampleScreen))
        app.screen.query_one("#steps").query_one(Input).value = "51"
        await until_seen(pilot, "use 1 to 50")
        app.screen.query_one("#n").query_one(Input).value = "0"
        await until_seen(pilot, "0 is not allowed")
        assert "use 1 to 50" in screen_text(pilot)
        await pilot.press("ctrl+s")
        await pilot.pause(0.1)
        assert not app.screen.drawer.is_alive

    drive(home, script, (160, 48))


def test_weights_that_are_no_network_are_one_sentence(home):
    finished_run(home, "alpha")

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, SampleScreen))
        await pilot.press("ctrl+s")
        await until_seen(pilot, "they are 4 numbers")
        assert "Traceback" not in screen_text(pilot)

    drive(home, script, (160, 48))
