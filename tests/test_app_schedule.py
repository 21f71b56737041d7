"""The schedule explorer, driven by keys and mouse: what changes on screen when t, T and the schedules change."""

import pytest
from app_pilot import drive, finished_run, screen_text, tiny_config, until, until_seen, untrained_checkpoint
from textual.widgets import Input

from ddpm.runs_root import create_run
from studio.screens.new_run import NewRunScreen
from studio.screens.schedule import ScheduleScreen
from studio.widgets.picker import Picker
from studio.widgets.slider import Slider

SIZES = [(80, 24), (160, 48)]


async def open_explorer(pilot, app, ready="off 0."):
    await pilot.press("f")
    await until(pilot, lambda: isinstance(app.screen, ScheduleScreen))
    await until_seen(pilot, ready)


def left_of(pilot, side):
    """What the explorer says of a schedule at t."""
    lines = screen_text(pilot).splitlines()
    return next(line for line in lines if line.strip().startswith(f"{side} ") and "%" in line)


@pytest.mark.parametrize("size", SIZES)
def test_t_moves_by_keys_and_mouse_and_words_and_guesses_follow(home, size):
    run = finished_run(home, "alpha", kept=())
    untrained_checkpoint(run, 40)

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await open_explorer(pilot, app, "network, off")
        await until_seen(pilot, "t = 16")
        assert "86 % of the image's standard deviation is left" in screen_text(pilot)
        await pilot.press("home")
        await until_seen(pilot, "perfect, off 0.00")
        assert "100 % of the image" in left_of(pilot, "A ━")
        assert "Only 1 of the" in screen_text(pilot)
        await pilot.press("end")
        await until_seen(pilot, "hardly anything")
        assert "t = 49" in screen_text(pilot)
        await pilot.press("shift+left", "shift+left", "left")
        await until_seen(pilot, "t = 44")
        await until(pilot, lambda: "16 %" in left_of(pilot, "A ━"))
        slider = app.screen.query_one(Slider)
        await pilot.click(slider, offset=(slider.size.width // 2, 0))
        await until(pilot, lambda: "t = 24" in screen_text(pilot) or "t = 25" in screen_text(pilot))
        rival = left_of(pilot, "B ╍")
        app.screen.query_one("#B-T", Input).value = "1000"
        await until(pilot, lambda: left_of(pilot, "B ╍") != rival)
        await until(pilot, lambda: "t = 500" in left_of(pilot, "B ╍") or "t = 519" in left_of(pilot, "B ╍"))

    drive(home, script, size)


def test_schedules_change_in_the_form_and_what_is_wrong_is_said(home):
    finished_run(home, "alpha", kept=())

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await open_explorer(pilot, app)
        before = left_of(pilot, "B ╍"), left_of(pilot, "A ━")
        await pilot.press("e")
        await until_seen(pilot, "Zero SNR")
        form = app.screen.query_one("#schedule-form")
        form.query_one("#B-beta_end", Input).value = "0.04"
        await until(pilot, lambda: left_of(pilot, "B ╍") != before[0])
        assert left_of(pilot, "A ━") == before[1]
        form.query_one("#B-beta_end", Input).value = "4"
        await until_seen(pilot, "↑ B: beta_end: 4 is not allowed")
        form.query_one("#B-beta_start", Input).value = "0.04"
        form.query_one("#B-beta_end", Input).value = "0.99"
        await until_seen(pilot, "↑ B: alpha_bar falls to")
        form.query_one("#B-schedule", Picker).value = "sigmoid"
        await until_seen(pilot, "B ╍ sigmoid")
        assert "↑" not in screen_text(pilot)
        # T is under the cursor; the same share of the way is kept.
        await pilot.press("end", "0")
        await until_seen(pilot, "t = 169")
        assert "t = 16:" in left_of(pilot, "B ╍")
        form.query_one("#A-zero_terminal_snr", Picker).value = "yes"
        await pilot.press("escape", "end")
        await until_seen(pilot, " 0 % of the image's standard deviation is left")
        assert "cosine to zero SNR" in left_of(pilot, "A ━")
        await pilot.press("x")
        await until_seen(pilot, "A ━ sigmoid")
        await pilot.press("r")
        await until(pilot, lambda: (left_of(pilot, "B ╍"), left_of(pilot, "A ━")) == before)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ScheduleScreen))

    drive(home, script)


@pytest.mark.parametrize(("size", "n"), [((80, 24), 4), ((160, 48), 9)])
def test_a_strip_shows_an_image_on_its_way(home, size, n):
    finished_run(home, "alpha", kept=())

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await open_explorer(pilot, app)
        if size[0] == 80:
            assert "t=49" not in screen_text(pilot)
            await pilot.press("v")
        await until_seen(pilot, "t=49")
        assert "t=0 100 %" in screen_text(pilot)
        row = app.screen.query_one("#schedule-strip")
        assert len(row.shown) == n
        one = row.shown[0].pixels.copy()
        await pilot.press("i")
        await until(pilot, lambda: (row.shown[0].pixels != one).any())

    drive(home, script, size)


def test_the_noise_comes_by_itself_and_stops_at_the_end(home):
    finished_run(home, "alpha", kept=())

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await open_explorer(pilot, app)
        await pilot.press("space")
        await until_seen(pilot, "t = 18")
        await pilot.press("space")
        stopped = app.screen._scene.t
        await pilot.pause(0.3)
        assert app.screen._scene.t == stopped
        await pilot.press("end", "shift+left", "space")
        await until(pilot, lambda: app.screen._scene.t == 49)
        await until(pilot, lambda: app.screen._playing is None)

    drive(home, script)


def test_without_runs_the_digits_show_it(home):
    async def script(pilot, app):
        await until_seen(pilot, "There are no runs yet")
        await open_explorer(pilot, app)
        assert "no run yet" in screen_text(pilot)
        await pilot.press("escape")
        await until_seen(pilot, "There are no runs yet")

    drive(home, script)


def test_without_data_the_curves_still_work(home):
    create_run(home / "runs", "far-1", tiny_config(data={"source": "cifar10"}))

    async def script(pilot, app):
        await until_seen(pilot, "far-1")
        await open_explorer(pilot, app, "cifar10")
        await until_seen(pilot, "not on this")
        await pilot.press("end")
        await until_seen(pilot, "Hardly anything is left")
        assert "t = 49" in screen_text(pilot)

    drive(home, script)


def test_a_network_that_is_damaged_is_told_and_the_rest_is_shown(home):
    finished_run(home, "alpha")  # its checkpoints hold a tensor of another network

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await open_explorer(pilot, app)
        await until_seen(pilot, "not loaded")
        await until(pilot, lambda: any("another network" in toast.message for toast in app._notifications))

    drive(home, script)


def test_the_form_of_a_new_run_shows_its_own_schedule(home):
    async def script(pilot, app):
        await until_seen(pilot, "There are no runs yet")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        app.screen.query_one("#diffusion-schedule").query_one(Picker).value = "sigmoid"
        app.screen.query_one("#diffusion-T").query_one(Input).value = "30"
        await pilot.press("ctrl+t")
        await until_seen(pilot, "A ━ sigmoid")
        assert "t = 10" in screen_text(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))

    drive(home, script)
