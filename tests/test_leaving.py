"""A signal leaves the app from wherever one is in it, and a run in training has a checkpoint of its last step."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from app_pilot import drive, press_and_agree, tiny_config, until, until_seen
from conftest import TINY_OPTIONS
from textual.widgets import Input

from ddpm import checkpoint, session, trainer
from ddpm.checkpoint import newest_whole
from ddpm.runs import Run
from ddpm.runs_root import create_run
from ddpm.trainer import Trainer
from studio.cli import main
from studio.leaving import Leaver
from studio.runner import Runner
from studio.screens.dialogs import Confirm
from studio.screens.sample import SampleScreen

ENDLESS = {"train": {"steps": 1_000_000, "checkpoint_every": 1_000_000}, "previews": {"every": 0}}


def leave_by(number, pilot, app):
    """Send this process the signal, as a person or a supervisor would, once ``listening`` is on."""
    os.kill(os.getpid(), number)
    return until(pilot, lambda: not app.is_running)


async def paused_and_asked(pilot, app):
    await pilot.press("p")
    await until_seen(pilot, "‖ paused")
    await pilot.press("q")
    await until(pilot, lambda: isinstance(app.screen, Confirm))


async def in_a_preview(pilot, app):
    app.workshop.runner.run.send("preview")
    await until(pilot, lambda: not any(app.workshop.runner.run.inbox_path.iterdir()))


async def in_a_step(pilot, app):
    assert app.workshop.runner.is_alive


@pytest.mark.parametrize("place", [in_a_step, paused_and_asked, in_a_preview])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_with_a_checkpoint_from_anywhere(home, place, number):
    recipe = {**ENDLESS, "previews": {"every": 0, "n": 64, "steps": 50}}
    run = create_run(home / "runs", "alpha", tiny_config(**recipe))

    async def script(pilot, app):
        leaver = Leaver(app, app.workshop.runner, "continue")
        await until_seen(pilot, "alpha")
        await press_and_agree(pilot, "r")
        await until_seen(pilot, "● running")
        with leaver.listening():
            await place(pilot, app)
            await leave_by(number, pilot, app)
            leaver.see_training_out()
        assert leaver.exit_code == 128 + number

    drive(home, script)
    assert run.status().state == "stopped"
    assert newest_whole(run.checkpoints_path).step == run.status().step
    assert not run.previews()


def test_a_signal_while_it_prepares_leaves_a_run_that_can_be_begun(home):
    run = create_run(home / "runs", "alpha", tiny_config(**ENDLESS))

    async def script(pilot, app):
        leaver = Leaver(app, app.workshop.runner, "continue")
        await until_seen(pilot, "alpha")
        with leaver.listening():
            await press_and_agree(pilot, "r")
            await until(pilot, lambda: app.workshop.runner.is_alive)
            await leave_by(signal.SIGTERM, pilot, app)
            leaver.see_training_out()

    drive(home, script)
    assert run.status().state == "stopped"


def test_a_signal_while_images_are_drawn_ends_the_drawing(home):
    runner = Runner(home / "data")
    run = create_run(home / "runs", "alpha", tiny_config())
    runner.start(run)
    runner.join()

    async def script(pilot, app):
        leaver = Leaver(app, app.workshop.runner, "continue")
        await until_seen(pilot, "alpha")
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, SampleScreen))
        app.screen.query_one("#n").query_one(Input).value = "9000"
        with leaver.listening():
            await pilot.press("ctrl+s")
            (drawer,) = app.drawers
            await until(pilot, lambda: drawer.is_alive)
            await leave_by(signal.SIGINT, pilot, app)
            app.stop_drawing()
            leaver.see_training_out()
        drawer.join()
        assert drawer.error == ""

    drive(home, script, (120, 40))


def test_signals_mean_what_they_did_once_the_app_has_been_left(home):
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]

    async def script(pilot, app):
        with Leaver(app, app.workshop.runner, "continue").listening():
            assert signal.getsignal(signal.SIGTERM) != before[0]

    drive(home, script)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)] == before


def signals_at(monkeypatch, place, name, before=(), after=()):
    """Send this process signals whenever it comes to a function, and when it has done that."""
    usual = getattr(place, name)

    def interrupted(*arguments, **named):
        for number in before:
            os.kill(os.getpid(), number)
        try:
            return usual(*arguments, **named)
        finally:
            for number in after:
                os.kill(os.getpid(), number)

    monkeypatch.setattr(place, name, interrupted)


def train(home, *words):
    return main(["--home", str(home), "train", *words])


NEW = ("digits", "--name", "alpha", *TINY_OPTIONS)


def test_the_command_is_signalled_while_it_prepares_and_again_while_it_says_so(home, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        signals_at(patch, session, "open_training_data", before=[signal.SIGTERM])
        signals_at(patch, session, "_note_end", before=[signal.SIGINT], after=[signal.SIGINT])
        assert train(home, *NEW) == 128 + signal.SIGTERM
    run = Run(home / "runs" / "alpha")
    assert (run.status().state, run.status().message) == ("stopped", "interrupted")
    assert train(home, "--resume", "alpha") == 0
    assert run.status().state == "finished"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("place", "name"),
    [(Trainer, "_train_step"), (trainer, "denoise"), (checkpoint, "save")],
    ids=["step", "preview", "checkpoint"],
)
def test_the_command_is_signalled_anywhere_and_again_while_it_stops(home, monkeypatch, place, name, number):
    with monkeypatch.context() as patch:
        signals_at(patch, place, name, before=[number], after=[signal.SIGINT, signal.SIGTERM])
        assert train(home, *NEW) == 128 + number
    run = Run(home / "runs" / "alpha")
    stopped = run.status()
    assert stopped.state == "stopped"
    assert stopped.step < 12
    assert newest_whole(run.checkpoints_path).step == stopped.step
    assert train(home, "--resume", "alpha") == 0
    assert [row["step"] for row in run.metrics()] == [4, 8, 12]


def test_the_command_is_signalled_while_it_is_paused(home):
    run = create_run(home / "runs", "alpha", tiny_config(**ENDLESS))

    def signal_when_paused():
        while run.status().step < 1:  # what is sent before is not for this trainer
            time.sleep(0.01)
        run.send("pause")
        while run.status().state != "paused":
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    with ThreadPoolExecutor() as executor:
        sent = executor.submit(signal_when_paused)
        assert train(home, "--resume", "alpha") == 128 + signal.SIGTERM
        sent.result()
    assert newest_whole(run.checkpoints_path).step == run.status().step
