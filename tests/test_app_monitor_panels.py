"""The monitor's samples and panels, on a run that was really trained."""

import shutil
from dataclasses import replace

import pytest
from app_pilot import drive, screen_text, tiny_config, until, until_seen

from ddpm.runs import Run
from ddpm.runs_root import create_run
from ddpm.session import train_run
from studio.panel_memory import remembered
from studio.widgets.preview import SamplePane
from studio.widgets.preview_pane import PreviewPane
from studio.widgets.slider import Slider

SIZES = [(80, 24), (120, 36), (200, 50)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Twelve steps with previews by both kinds of weights at 4, 8 and 12."""
    root = tmp_path_factory.mktemp("trained")
    run = create_run(root, "alpha", tiny_config(previews={"every": 4, "raw": True}))
    list(train_run(run, data_root=root, take_commands=list))
    return run


@pytest.fixture
def run(home, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("DDPM_STUDIO_STATE", str(tmp_path / "state"))
    shutil.copytree(trained.path, home / "runs" / "alpha")
    return Run(home / "runs" / "alpha")


def shown(app):
    """The titles of the panels that are on screen."""
    panels = {name: app.screen.query_one(f"#{name}") for name in ("plot", "samples", "system", "log")}
    return {name for name, panel in panels.items() if panel.region.area and panel.is_on_screen}


@pytest.mark.parametrize("size", SIZES)
def test_earlier_samples_are_reached_by_keys_and_mouse_and_new_ones_followed(home, run, size):
    async def script(pilot, app):
        await until_seen(pilot, "samples · step 12")
        await until_seen(pilot, "latest of 3")
        await pilot.press("left_square_bracket")
        await until_seen(pilot, "samples · step 8")
        await until_seen(pilot, "2 of 3")
        app.screen.query_one(SamplePane).focus()
        await pilot.press("home")
        await until_seen(pilot, "samples · step 4")
        await pilot.press("right")
        await until_seen(pilot, "samples · step 8")
        for suffix in ("png", "json"):
            shutil.copy(run.previews_path / f"00000012.{suffix}", run.previews_path / f"00000016.{suffix}")
        await until_seen(pilot, "2 of 4")
        await pilot.press("end")
        await until_seen(pilot, "samples · step 16")
        track = app.screen.query_one(Slider)
        await pilot.click(Slider, offset=(0, 0))
        await until_seen(pilot, "samples · step 4")
        await pilot.click(Slider, offset=(track.size.width - 1, 0))
        await until_seen(pilot, "latest of 4")

    drive(home, script, size, show=run)


def test_samples_of_the_raw_weights_stand_beside_those_of_the_averaged_ones(home, run):
    (run.previews_path / "00000008.raw.json").unlink()

    async def script(pilot, app):
        await until_seen(pilot, "samples · step 12")
        await pilot.press("e")
        await until_seen(pilot, "step 12 · raw")
        await until(pilot, lambda: app.screen.query_one(SamplePane).arrangement is not None)
        await pilot.press("left_square_bracket")
        await until_seen(pilot, "no samples of the raw weights")
        await pilot.press("e")
        await until(pilot, lambda: "· raw" not in screen_text(pilot))
        assert app.screen.query_one(PreviewPane).weights == "ema"

    drive(home, script, (120, 36), show=run)


def test_samples_fill_the_screen_and_escape_leads_back(home, run):
    async def script(pilot, app):
        await until_seen(pilot, "samples · step 12")
        before = shown(app)
        monitor = app.screen
        await pilot.press("less_than_sign")
        await pilot.press("f")
        await until(pilot, lambda: shown(app) == {"samples"})
        await until(pilot, lambda: app.screen.query_one("#samples").size.width > 0.9 * 80)
        await pilot.press("escape")
        await until(pilot, lambda: shown(app) == before)
        assert app.screen is monitor
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not monitor)

    drive(home, script, show=run)


@pytest.mark.parametrize("size", SIZES)
def test_panels_come_and_go_and_are_as_they_were_at_the_next_start(home, run, size):
    everything = {"plot", "samples", "log"} | ({"system"} if size[1] >= 34 else set())

    async def first(pilot, app):
        await until_seen(pilot, "samples · step 12")
        await until_seen(pilot, " GiB left")
        assert shown(app) == everything
        for key, name in zip("1234", ("plot", "samples", "system", "log"), strict=True):
            await pilot.press(key)
            await until(pilot, lambda name=name: name not in shown(app))
            assert shown(app) == everything - {name}
            if name == "system":
                await until(pilot, lambda: " GiB left" not in screen_text(pilot))
            await pilot.press(key)
            await until(pilot, lambda: shown(app) == everything)
        await pilot.press("4")
        await until(pilot, lambda: remembered().hidden == ("log",))

    async def second(pilot, app):
        await until_seen(pilot, "samples · step 12")
        await until(pilot, lambda: shown(app) == everything - {"log"})

    drive(home, first, size, show=run)
    drive(home, second, size, show=run)


def test_columns_and_log_are_resized_within_bounds_and_remembered(home, run):
    def sizes(app):
        right, log = app.screen.query_one("#right"), app.screen.query_one("#log")
        return right.outer_size.width, log.outer_size.height

    async def first(pilot, app):
        await until_seen(pilot, "samples · step 12")
        width, height = sizes(app)
        await pilot.press("less_than_sign", "left_curly_bracket")
        await until(pilot, lambda: sizes(app)[0] > width and sizes(app)[1] == height + 2)
        await pilot.press(*["greater_than_sign"] * 20, *["right_curly_bracket"] * 9)
        await until(pilot, lambda: sizes(app) == (24, 3))
        await until(pilot, lambda: (remembered().side, remembered().log) == (20, 3))

    async def second(pilot, app):
        await until_seen(pilot, "samples · step 12")
        await until(pilot, lambda: sizes(app) == (24, 3))

    drive(home, first, (120, 36), show=run)
    drive(home, second, (120, 36), show=run)


@pytest.mark.parametrize("lines", [20, 24])
def test_the_log_gives_way_to_the_plot_where_there_is_little_room(home, run, lines):
    why = "The loss is not a number at step 12, and the run has gone back too often, so it ends here. " * 2
    run.write_status(replace(run.status(), state="failed", message=why))

    async def script(pilot, app):
        await until_seen(pilot, "Mend the cause")
        await pilot.press("f", "f", *"{{{{")
        await until_seen(pilot, "steps")
        curve = app.screen.query_one("#curve")
        await until(pilot, lambda: curve.size.height >= 3)
        assert "too small" not in screen_text(pilot)
        await pilot.press("1")
        await until(pilot, lambda: "plot" not in shown(app))
        await until(pilot, lambda: app.screen.query_one("#log").size.height > 4)

    drive(home, script, (80, lines), show=run)


def test_borders_are_dragged_by_the_mouse_and_stay_there(home, run):
    async def dragged(pilot, begin, end):
        await pilot.mouse_down(offset=begin)
        await pilot.hover(offset=end)
        await pilot.mouse_up(offset=end)

    async def script(pilot, app):
        await until_seen(pilot, "samples · step 12")
        right, log = app.screen.query_one("#right"), app.screen.query_one("#log")
        suits = right.region.width
        await pilot.click(offset=(right.region.x, 10))
        assert remembered().side is None, "a click alone moves nothing"
        await dragged(pilot, (right.region.x, 10), (80, 12))
        await until(pilot, lambda: right.region.x == 80)
        await until(pilot, lambda: remembered().side == 33.75)
        end = log.region.bottom - 7
        await dragged(pilot, (5, log.region.y - 1), (9, end))
        await until(pilot, lambda: log.region.height == 7)
        await until(pilot, lambda: remembered().log == 7)
        await pilot.click(offset=(right.region.x - 1, 10), times=2)
        await until(pilot, lambda: right.region.width == suits)
        await until(pilot, lambda: (remembered().side, remembered().log) == (None, 7))

    drive(home, script, (120, 36), show=run)
