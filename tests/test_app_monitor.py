"""The monitor: what a run is told, what its log shows, and its panels, on runs that are really trained."""

import time

import pytest
from app_pilot import drive, finished_run, metrics_row, screen_text, until, until_seen
from textual.widgets import Input

from ddpm.commands import Note, SetLearningRate, SetPreviewEvery
from ddpm.runs import Status


def live_run(home):
    """A run as a trainer in another process keeps it: hold its lock meanwhile."""
    run = finished_run(home, "alpha")
    run.write_status(Status(state="running", step=12, steps=40, heartbeat=time.time()))
    return run


def said(app):
    return [toast.message for toast in app._notifications]


async def answer(pilot, text):
    await until(pilot, lambda: pilot.app.screen.query(Input))
    pilot.app.screen.query_one(Input).value = text
    await pilot.press("enter")


def test_learning_rate_and_preview_interval_are_changed_and_a_note_is_written(home):
    run = live_run(home)

    async def script(pilot, app):
        await until_seen(pilot, "● running")
        await pilot.press("enter")
        await until_seen(pilot, "p Pause")
        await pilot.press("L")
        await until_seen(pilot, "highest learning rate?")
        await until_seen(pilot, "0.001")
        await answer(pilot, "fast")
        await until_seen(pilot, "lr needs a number after it, not 'fast'.")
        await answer(pilot, "5e-4")
        await pilot.press("V")
        await until_seen(pilot, "after every how many steps?")
        await answer(pilot, "700")
        await pilot.press("n")
        await until_seen(pilot, "Note what?")
        await answer(pilot, "")
        await until_seen(pilot, "note needs a value after it.")
        await answer(pilot, "hello there")
        await until_seen(pilot, "telling it …")

    with run.locked():
        drive(home, script, (120, 36))
    assert run.take_commands() == [SetLearningRate(5e-4), SetPreviewEvery(700), Note("hello there")]


def test_a_spike_of_the_loss_is_marked_on_its_plot_and_on_no_other(home):
    run = finished_run(home, "alpha")
    for step in range(42, 202, 2):
        run.append_metrics(metrics_row(step, loss=3.0 if step == 200 else 0.2))

    async def script(pilot, app):
        await until_seen(pilot, "▲")
        await pilot.press("left")
        await until_seen(pilot, "▲ spike 3, ")
        await pilot.press("y")
        await until_seen(pilot, "╭─ gradient norm")
        assert "▲" not in screen_text(pilot)

    drive(home, script, (120, 36), show=run)


def test_in_a_terminal_made_smaller_the_curve_takes_the_room_of_the_strip_below_it(home):
    run = finished_run(home, "alpha")
    run.append_metrics(metrics_row(42) | {"loss_bins": [0.1 * bin for bin in range(1, 9)]})

    async def script(pilot, app):
        await until_seen(pilot, "loss by t")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "loss by t" not in screen_text(pilot))
        await until(pilot, lambda: "too small to plot" not in screen_text(pilot))

    drive(home, script, (160, 48), show=run)


def test_a_finished_run_cannot_be_told_anything(home):
    run = finished_run(home, "alpha")

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("enter")
        for key in ("L", "V", "n"):
            await until_seen(pilot, "✓ finished")
            await pilot.press(key)
            await until(pilot, lambda: said(app) == ["The run is finished, so nobody would hear it."])
            app.clear_notifications()

    drive(home, script)
    assert not any(run.inbox_path.iterdir())


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
def test_the_log_shows_everything_or_from_a_level_on(home, size):
    run = finished_run(home, "alpha")
    run.record("warning", 41, "something odd")
    run.record("failed", 42, "the disk is full")

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("enter")
        await until_seen(pilot, "✓ finished 40")
        for title, seen, hidden in (
            ("log: warnings and errors", ["something odd", "the disk is full"], ["finished 40"]),
            ("log: errors", ["the disk is full"], ["something odd"]),
            ("─ log ─", ["something odd", "✓ finished 40"], []),
        ):
            await pilot.press("w")
            await until_seen(pilot, title)
            await until(pilot, lambda seen=seen: all(words in screen_text(pilot) for words in seen))
            assert not any(words in screen_text(pilot) for words in hidden)

    drive(home, script, size)
