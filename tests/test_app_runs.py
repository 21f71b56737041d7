"""The list of runs on screen: filtered, ordered, marked and tagged by keys."""

import time

from app_pilot import drive, finished_run, screen_text, until, until_seen

from ddpm.runs import Status
from studio.run_tags import read_tags
from studio.screens.runs import RunsScreen
from studio.widgets import run_table
from studio.widgets.run_table import RunTable


def three_runs(home):
    for age, name in enumerate(("alpha", "beta", "gamma-wide")):
        run = finished_run(home, name, kept=())
        run.write_status(Status(state="finished", step=40, steps=40, heartbeat=time.time() - 3600 * age))


def names(app):
    return [summary.name for summary in app.screen.query_one(RunTable).in_sight]


def test_a_filter_narrows_the_list_while_it_is_typed_and_escape_shows_all(home):
    three_runs(home)

    async def script(pilot, app):
        await until(pilot, lambda: names(app) == ["alpha", "beta", "gamma-wide"])
        await pilot.press("end", "slash", *"a*")
        await until_seen(pilot, "1 of 3")
        assert names(app) == ["alpha"]
        await pilot.press("backspace", "backspace", *"data:digits -b")
        await until(pilot, lambda: names(app) == ["alpha", "gamma-wide"])
        await pilot.press("enter", "down")
        assert app.screen.query_one(RunTable).chosen.name == "gamma-wide"
        await pilot.press("slash", *" size:3")
        await until_seen(pilot, "there is no size:")
        await pilot.press("escape", "slash", "enter")
        await until_seen(pilot, "3 runs")
        assert app.screen.query_one(RunTable).chosen.name == "gamma-wide"
        assert app.screen.query_one(RunTable).has_focus

    drive(home, script)


def test_the_order_changes_and_the_cursor_stays_on_its_run(home):
    three_runs(home)

    async def script(pilot, app):
        await until(pilot, lambda: len(names(app)) == 3)
        finished_run(home, "zeta", kept=())
        await until(pilot, lambda: names(app) == ["zeta", "alpha", "beta", "gamma-wide"])
        table = app.screen.query_one(RunTable)
        assert (table.cursor, table.chosen.name) == (1, "alpha")
        await pilot.press("o")
        await until_seen(pilot, "by name")
        assert names(app) == ["alpha", "beta", "gamma-wide", "zeta"]
        assert (table.cursor, table.chosen.name) == (0, "alpha")
        await pilot.click(RunTable, offset=(4, 2))
        await until(pilot, lambda: table.chosen.name == "beta")
        await pilot.press("o")
        await until_seen(pilot, "lowest loss first")
        await pilot.click(RunTable, offset=(4, 0))
        await until_seen(pilot, "by name")

    drive(home, script)


def test_tags_are_asked_for_checked_and_shown(home):
    three_runs(home)

    async def script(pilot, app):
        await until(pilot, lambda: len(names(app)) == 3)
        await pilot.press("down", "T")
        await until_seen(pilot, "Tags of beta")
        await pilot.press(*"best a/b", "enter")
        await until_seen(pilot, "'a/b' cannot be a tag")
        await pilot.press("backspace", "backspace", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await until_seen(pilot, "#best #a")
        assert [read_tags(run) for run in _runs(app)] == [(), ("best", "a"), ()]
        await pilot.press("T", "escape", "slash", *"tag:best")
        await until_seen(pilot, "1 of 3")

    drive(home, script, (160, 30))


def test_a_run_is_renamed_with_its_mark_and_the_cursor_on_it(home):
    three_runs(home)

    async def script(pilot, app):
        await until(pilot, lambda: len(names(app)) == 3)
        await pilot.press("down", "space", "R")
        await until_seen(pilot, "A new name for beta")
        await pilot.press("slash", "enter")
        await until_seen(pilot, "'beta/' cannot be the name of a run")
        await pilot.press("backspace", *"-2", "enter")
        await until(pilot, lambda: names(app) == ["alpha", "beta-2", "gamma-wide"])
        await until_seen(pilot, "1 marked")
        assert "● beta-2" in screen_text(pilot)
        assert app.screen.query_one(RunTable).chosen.name == "beta-2"
        assert (home / "runs" / "beta-2" / "config.toml").exists()

    drive(home, script)


def _runs(app):
    return [summary.run for summary in app.screen.query_one(RunTable).in_sight]


def test_the_newest_samples_come_and_go_by_a_key_where_there_is_little_room(home):
    three_runs(home)

    async def script(pilot, app):
        await until(pilot, lambda: len(names(app)) == 3)
        await pilot.press("p")
        await until_seen(pilot, "alpha · step 40")
        await pilot.press("down")
        await until_seen(pilot, "beta · step 40")
        await pilot.press("p")
        await until(pilot, lambda: "step 40" not in screen_text(pilot))

    drive(home, script)


def test_of_a_long_list_only_the_rows_in_sight_are_made(home, monkeypatch):
    for number in range(300):
        (home / "runs" / f"run-{number:03d}").mkdir(parents=True)
        (home / "runs" / f"run-{number:03d}" / "config.toml").write_text("")
    made = []
    cell = run_table.cell
    monkeypatch.setattr(
        run_table, "cell", lambda summary, column: made.append(summary) or cell(summary, column)
    )

    async def script(pilot, app):
        await until_seen(pilot, "300 runs")
        await pilot.press("o", "end")
        await until_seen(pilot, "run-299")
        assert len({summary.name for summary in made}) < 100

    drive(home, script)


def test_a_long_list_is_scrolled_with_its_cursor(home):
    for number in range(30):
        (home / "runs" / f"run-{number:02d}").mkdir(parents=True)
        (home / "runs" / f"run-{number:02d}" / "config.toml").write_text("")

    async def script(pilot, app):
        await until(pilot, lambda: names(app))
        await pilot.press("o", "end")
        await until_seen(pilot, "run-29")
        assert "run-00" not in screen_text(pilot)
        await pilot.press("home")
        await until_seen(pilot, "run-00")
        await pilot.press("pagedown", "pagedown", "pageup")
        table = app.screen.query_one(RunTable)
        assert table.chosen.name in names(app)
        await until_seen(pilot, table.chosen.name)

    drive(home, script)
