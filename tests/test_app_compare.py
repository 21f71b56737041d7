"""Runs compared on screen: marked in the list, then curves, recipes and samples side by side."""

import pytest
from app_pilot import (
    drive,
    finished_run,
    metrics_row,
    screen_text,
    tiny_config,
    until,
    until_seen,
    write_preview,
)

from ddpm.runs_root import create_run
from studio.screens.compare import CompareScreen
from studio.screens.runs import RunsScreen
from studio.widgets.compare_previews import RunSamples
from studio.widgets.plot import Plot
from studio.widgets.preview import SamplePane
from studio.widgets.run_table import RunTable


def two_runs(home):
    finished_run(home, "alpha", kept=())
    config = tiny_config(data={"image_size": [8, 8], "channels": 1}, train={"lr": 0.004})
    other = create_run(home / "runs", "beta", config)
    for step in (2, 4):
        other.append_metrics(metrics_row(step, loss=0.75))
    write_preview(other, 10)
    return other


async def compare_both(pilot, app):
    await until(pilot, lambda: len(app.screen.query_one(RunTable).in_sight) == 2)
    await pilot.press("o", "home", "space", "down", "space")
    await until_seen(pilot, "2 marked: C compares")
    await pilot.press("C")
    await until(pilot, lambda: isinstance(app.screen, CompareScreen))
    await until_seen(pilot, "step 40")


def captions(app):
    return [samples.query_one(".samples-of").content.plain for samples in app.screen.query(RunSamples)]


def test_one_run_is_not_compared_and_a_ninth_not_marked(home):
    for number in range(9):
        create_run(home / "runs", f"run-{number}", tiny_config())

    async def script(pilot, app):
        await until(pilot, lambda: len(app.screen.query_one(RunTable).in_sight) == 9)
        await pilot.press("C")
        await until_seen(pilot, "Mark two to eight runs first")
        for _ in range(9):
            await pilot.press("space", "down")
        await until_seen(pilot, "8 runs are marked already")
        assert isinstance(app.screen, RunsScreen)

    drive(home, script, toasts=True)


def test_curves_recipes_and_samples_stand_side_by_side(home):
    two_runs(home)

    async def script(pilot, app):
        await compare_both(pilot, app)
        for words in ("● alpha", "▲ beta", "train.lr", "0.004", "0.7500", "✓ finished"):
            await until_seen(pilot, words)
        assert "train.batch_size" not in screen_text(pilot)
        lines = app.screen.query_one(Plot).lines
        assert [(line.label, line.number, len(line.series)) for line in lines] == [
            ("alpha", 0, 20),
            ("beta", 1, 2),
        ]
        await until(pilot, lambda: captions(app) == ["● alpha 40", "▲ beta 10"])
        await until(pilot, lambda: all(pane.arrangement for pane in app.screen.query(SamplePane)))
        await pilot.press("left")
        await until(pilot, lambda: captions(app) == ["● alpha", "▲ beta 10"])
        await until_seen(pilot, "no samples yet")
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: captions(app) == ["● alpha 40", "▲ beta 10"])
        await pilot.press("y")
        await until_seen(pilot, "gradient norm")
        await pilot.press("escape")
        await until_seen(pilot, "2 marked")

    drive(home, script, (160, 48))


@pytest.mark.parametrize("shown", ["samples", "what differs"])
def test_at_80_columns_samples_and_recipes_take_turns(home, shown):
    two_runs(home)

    async def script(pilot, app):
        await compare_both(pilot, app)
        if shown == "what differs":
            await pilot.press("v")
        await until_seen(pilot, shown)
        await until_seen(pilot, "train.lr" if shown == "what differs" else "step 40")
        text = screen_text(pilot)
        assert ("train.lr" in text) == (shown == "what differs")
        assert ("step 40" in text) == (shown == "samples")
        assert "● alpha" in text
        for key in ("Recipes/samples", "Back", "Quit"):
            assert key in text.splitlines()[-1]

    drive(home, script)


def test_what_a_live_run_does_meanwhile_is_seen(home):
    other = two_runs(home)

    async def script(pilot, app):
        await compare_both(pilot, app)
        other.append_metrics(metrics_row(6, loss=0.25))
        write_preview(other, 60)
        await until_seen(pilot, "step 60")
        await until(pilot, lambda: captions(app) == ["● alpha 40", "▲ beta 60"])
        await until(pilot, lambda: len(app.screen.query_one(Plot).lines[1].series) == 3)

    drive(home, script, (120, 36))
