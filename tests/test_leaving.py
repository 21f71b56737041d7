"""A signal leaves the app from wherever one is in it, and a run in training has a checkpoint of its last step."""

import os
import signal

import pytest
from app_pilot import drive, tiny_config, until, until_seen
from textual.widgets import Input

from ddpm.checkpoint import newest_whole
from ddpm.runs import create_run
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
        await pilot.press("r", "y")
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
            await pilot.press("r", "y")
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
