"""The five screens, driven by keys: what a person sees, and what lies on the disk afterwards."""

import json
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from app_pilot import (
    drive,
    finished_run,
    metrics_row,
    screen_text,
    tiny_config,
    until,
    until_seen,
    write_checkpoint,
)
from textual.widgets import DataTable

from ddpm.runs import Run, Status
from ddpm.runs_root import create_run, list_runs
from studio.screens.checkpoints import CheckpointsScreen
from studio.screens.monitor import MonitorScreen
from studio.screens.new_run import NewRunScreen
from studio.screens.runs import RunsScreen
from studio.screens.sample import SampleScreen
from studio.widgets.plot import Plot
from studio.widgets.preview import SamplePane


def test_an_empty_home_says_what_to_press(home):
    async def script(pilot, app):
        await until_seen(pilot, "There are no runs yet")
        assert "Press t to train on the 1,797 embedded handwritten digits" in screen_text(pilot)

    drive(home, script)


def test_runs_are_listed_with_state_step_and_loss(home):
    finished_run(home, "alpha")
    run = finished_run(home, "beta")
    run.write_status(Status(state="running", step=12, steps=40, heartbeat=time.time()))

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        text = screen_text(pilot)
        assert "✓ finished" in text
        assert "† dead" in text
        assert "12/40" in text
        assert "0.2000" in text

    drive(home, script)


def test_runs_that_come_and_go_are_followed(home):
    finished_run(home, "alpha")

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        second = finished_run(home, "beta")
        await until_seen(pilot, "beta")
        second.delete()
        await until(pilot, lambda: "beta" not in screen_text(pilot))

    drive(home, script)


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
def test_the_monitor_of_a_finished_run_shows_all_of_it(home, size):
    finished_run(home, "alpha")

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("enter")
        await until_seen(pilot, "samples · step 40")
        pane = app.screen.query_one(SamplePane)
        await until(pilot, lambda: pane.arrangement is not None)
        text = screen_text(pilot)
        for words in (
            "✓ finished",
            "40/40",
            "100%",
            "images/s",
            "400",
            "learning rate",
            "0.001",
            "gradient norm",
        ):
            assert words in text
        assert "memory" in text
        assert pane.arrangement.shown == 4
        assert len(app.screen.query_one(Plot).lines[0].series) == 20
        for key in ("Checkpoints", "Sample", "Back", "Help", "Quit"):
            assert key in text.splitlines()[-1]

    drive(home, script, size)


def test_the_loss_axis_toggles(home):
    finished_run(home, "alpha")

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("enter")
        await until_seen(pilot, "l linear")
        before = screen_text(pilot)
        await pilot.press("l")
        await until_seen(pilot, "l log")
        assert screen_text(pilot) != before

    drive(home, script)


def test_the_plot_shows_every_quantity_over_steps_images_and_minutes(home):
    run = finished_run(home, "alpha")
    for step in range(42, 400, 2):
        run.append_metrics({**metrics_row(step), "held_out_loss": 0.5, "loss_bins": [1.0, None] * 4})
    run.record("resumed", 200, "from step 200")

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("enter")
        await until_seen(pilot, "held out")
        await until_seen(pilot, "loss by t")
        await until_seen(pilot, "▶")
        plot = app.screen.query_one(Plot)
        await pilot.press("left")
        await until_seen(pilot, "398 steps")
        for unit, last in (("images", 398 * 8), ("minutes", 398 / 600)):
            await pilot.press("x")
            await until(pilot, lambda unit=unit: plot.unit == unit)
            assert plot.draw_if_old().last == pytest.approx(last)
        for title in ("gradient norm", "learning rate", "images/s"):
            await pilot.press("y")
            await until_seen(pilot, f"─ {title} ─")
            assert plot.draw_if_old() is not None
        assert "loss by t" not in screen_text(pilot)

    drive(home, script, (120, 48))


def test_a_failed_run_says_why_and_what_to_do(home):
    run = finished_run(home, "alpha")
    run.write_status(Status(state="failed", step=9, steps=40, message="CUDA ran out of memory."))

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("enter")
        await until_seen(pilot, "CUDA ran out of memory.")
        assert "then press r" in screen_text(pilot)

    drive(home, script)


def test_a_run_of_another_process_is_watched_and_told(home):
    run = finished_run(home, "alpha")
    run.write_status(Status(state="running", step=12, steps=40, heartbeat=time.time()))

    async def script(pilot, app):
        await until_seen(pilot, "● running")
        await pilot.press("enter")
        await until(pilot, lambda: "p Pause" in screen_text(pilot).splitlines()[-1])
        await pilot.press("p", "v", "k")
        await until(pilot, lambda: len(list(run.inbox_path.iterdir())) == 3)
        assert run.take_commands() == ["pause", "preview", "checkpoint"]
        run.write_status(Status(state="paused", step=13, steps=40, heartbeat=time.time()))
        await until_seen(pilot, "‖ paused")
        await pilot.press("p")
        await until(pilot, lambda: any(run.inbox_path.iterdir()))
        assert run.take_commands() == ["resume"]
        await pilot.press("S")
        await until_seen(pilot, "Stop training alpha?")
        await pilot.press("y")
        await until(pilot, lambda: any(run.inbox_path.iterdir()))
        assert run.take_commands() == ["stop"]

    with run.locked():
        drive(home, script)


def test_a_silent_trainer_is_shown_as_stalled_with_what_to_do(home):
    run = finished_run(home, "alpha")
    silent = Status(state="running", step=12, steps=40, pid=4711, host="box", heartbeat=time.time() - 200)
    run.write_status(silent)

    async def script(pilot, app):
        await until_seen(pilot, "▲ stalled")
        assert "Delete" not in screen_text(pilot).splitlines()[-1]
        await pilot.press("enter")
        await until_seen(pilot, "Process 4711 on box gave its last sign of life 3 min ago.")
        assert "kill -CONT 4711" in screen_text(pilot)
        footer = screen_text(pilot).splitlines()[-1]
        assert "Stop" in footer
        assert "Resume" not in footer
        run.write_status(replace(silent, heartbeat=time.time()))
        await until_seen(pilot, "● running")

    with run.locked():
        drive(home, script, (120, 36))


def test_deleting_asks_and_no_means_no(home):
    finished_run(home, "alpha")

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("x")
        await until_seen(pilot, "Delete the run alpha?")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        assert list_runs(home / "runs")
        await pilot.press("x")
        await until_seen(pilot, "Delete the run alpha?")
        await pilot.press("y")
        await until_seen(pilot, "There are no runs yet")
        assert not list_runs(home / "runs")

    drive(home, script)


def test_a_run_in_training_cannot_be_deleted(home):
    run = finished_run(home, "alpha")
    run.write_status(Status(state="running", step=12, steps=40, heartbeat=time.time()))

    async def script(pilot, app):
        await until_seen(pilot, "● running")
        assert "Delete" not in screen_text(pilot).splitlines()[-1]
        # Keys are handled in their order: the help comes up on top of whatever x has opened.
        await pilot.press("x", "question_mark")
        await until_seen(pilot, "Keys: runs")

    with run.locked():
        drive(home, script)


def test_checkpoints_are_listed_whole_and_damaged_and_can_be_verified(home):
    run = finished_run(home, "alpha", kept=(10, 20, 30))
    (run.checkpoints_path / "00000010" / "manifest.json").unlink()
    damaged = run.checkpoints_path / "00000020" / "ema.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("c")
        await until_seen(pilot, "manifest.json is missing")
        assert isinstance(app.screen, CheckpointsScreen)
        assert screen_text(pilot).count("✓ whole") == 2
        await pilot.press("V")
        await until_seen(pilot, "✓ verified")
        await pilot.press("down", "V")
        await until_seen(pilot, "ema.safetensors has changed")

    drive(home, script, (120, 30))


def test_a_damaged_checkpoint_is_not_resumed_from(home):
    run = finished_run(home, "alpha", kept=(10,))
    (run.checkpoints_path / "00000010" / "manifest.json").unlink()

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("c")
        await until_seen(pilot, "manifest.json is missing")
        # Keys are handled in their order: the help comes up on top of whatever r has opened.
        await pilot.press("r", "question_mark")
        await until_seen(pilot, "Keys: checkpoints")
        assert not app.workshop.runner.is_alive

    drive(home, script)


def test_going_back_from_an_older_checkpoint_warns_first(home):
    finished_run(home, "alpha", kept=(20, 40))

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("c")
        await until(pilot, lambda: app.screen.query_one(DataTable).row_count == 2)
        await pilot.press("down", "r")
        await until_seen(pilot, "Resume alpha from step 20?")
        assert "replaced" in screen_text(pilot)
        assert app.focused.id == "no"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen))
        assert not app.workshop.runner.is_alive

    drive(home, script)


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        (["enter"], MonitorScreen),
        (["n"], NewRunScreen),
        (["c"], CheckpointsScreen),
        (["s"], SampleScreen),
        ([], RunsScreen),
    ],
)
def test_every_screen_has_a_help_that_closes_again(home, keys, kind):
    finished_run(home, "alpha")

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press(*keys)
        await until(pilot, lambda: isinstance(app.screen, kind))
        await pilot.press("question_mark")
        await until_seen(pilot, f"Keys: {kind.place}")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, kind))

    drive(home, script)


def test_a_small_terminal_is_told_so(home):
    async def script(pilot, app):
        await until_seen(pilot, "too small")
        await pilot.resize_terminal(80, 24)
        await until_seen(pilot, "There are no runs yet")
        assert "too small" not in screen_text(pilot)

    drive(home, script, (50, 12))


def test_the_lists_and_forms_of_runs_need_no_torch(home):
    finished_run(home, "alpha")
    session = """
import asyncio, json, sys
from pathlib import Path
import studio.app
loaded = {"": "torch" in sys.modules}
from studio.terminal import find_pictures
app = studio.app.StudioApp(Path(sys.argv[1]), Path(sys.argv[1]) / "data", find_pictures("half"))
async def look():
    async with app.run_test(size=(120, 40)) as pilot:
        ways = {"enter": "Monitor", "c": "Checkpoints", "s": "Sample"}
        for key, name in ways.items():
            while not (type(app.screen).__name__ == "RunsScreen" and app.screen.check_action("open", ())):
                await pilot.pause(0.02)
            await pilot.press(key)
            while type(app.screen).__name__ != f"{name}Screen":
                await pilot.pause(0.02)
            await pilot.pause()
            loaded[name] = "torch" in sys.modules
            await pilot.press("escape")
asyncio.run(look())
print(json.dumps(loaded))
"""
    done = subprocess.run(
        [sys.executable, "-c", session, str(home)], capture_output=True, text=True, timeout=100, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == dict.fromkeys(
        ("", "Monitor", "Checkpoints", "Sample"), False
    )


def test_screens_are_reached_and_left_by_keys(home):
    finished_run(home, "alpha")

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        for key, screen in (("enter", MonitorScreen), ("c", CheckpointsScreen), ("s", SampleScreen)):
            await pilot.press(key)
            await until(pilot, lambda wanted=screen: isinstance(app.screen, wanted))
            if screen is CheckpointsScreen:
                await until(pilot, lambda: app.screen.query_one(DataTable).row_count == 2)
        for screen in (CheckpointsScreen, MonitorScreen, RunsScreen, RunsScreen):
            await pilot.press("escape")
            await until(pilot, lambda wanted=screen: isinstance(app.screen, wanted))

    drive(home, script)


def test_leaving_while_nothing_trains_just_leaves(home):
    async def script(pilot, app):
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)

    drive(home, script)


def test_a_run_without_any_checkpoint_is_offered_from_the_start(home):
    run = create_run(home / "runs", "alpha", tiny_config())
    assert isinstance(run, Run)

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("r")
        await until_seen(pilot, "no whole checkpoint")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))

    drive(home, script)


def test_new_checkpoints_appear_while_one_looks(home):
    run = finished_run(home, "alpha", kept=(20,))

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("c")
        await until_seen(pilot, "1 whole of 1")
        write_checkpoint(run, 40)
        await until_seen(pilot, "2 whole of 2")

    drive(home, script)


def test_a_dialog_and_the_screen_below_it_follow_the_terminal_to_another_size(tmp_path):
    finished_run(tmp_path, "one-1", 2)

    async def script(pilot, app):
        await until_seen(pilot, "one-1")
        await pilot.press("question_mark")
        await until_seen(pilot, "Keys: runs")
        await pilot.resize_terminal(130, 40)
        await until(pilot, lambda: len(screen_text(pilot).splitlines()) == 40)
        await until_seen(pilot, "Keys: runs")
        assert screen_text(pilot).splitlines()[-1].startswith("esc Close")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen.has_class("-wide") and app.screen.has_class("-tall"))
        assert "Quit" in screen_text(pilot).splitlines()[-1]

    drive(tmp_path, script, (80, 24))
