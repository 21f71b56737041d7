"""The command palette: what works here, every run, every theme, with the user's own keys."""

from app_pilot import drive, finished_run, screen_text, until, until_seen

from studio.screens.monitor import MonitorScreen
from studio.settings import Settings


async def typed(pilot, words):
    await pilot.press("ctrl+p")
    await until_seen(pilot, "Search for commands")
    await pilot.press(*["space" if letter == " " else letter for letter in words])


def test_the_palette_offers_what_works_on_this_screen_first(tmp_path):
    finished_run(tmp_path)

    async def script(pilot, app):
        await until_seen(pilot, "done-1")
        await pilot.press("ctrl+p")
        await until_seen(pilot, "Open the monitor of the chosen run.")
        words = screen_text(pilot)
        assert "(j)" in words, words
        assert "All runs  (" not in words, "nothing is filtered"
        assert words.index("Open  (") < words.index("New  (j)")

    drive(tmp_path, script, (120, 50), settings=Settings(keymap={"runs": {"new": "j"}}))


def test_a_run_is_opened_by_its_name_from_any_screen(tmp_path):
    for name in ("done-1", "other-2"):
        finished_run(tmp_path, name)

    async def script(pilot, app):
        await until_seen(pilot, "other-2")
        await pilot.press("n")
        await until_seen(pilot, "› New run")
        await typed(pilot, "open other")
        await until_seen(pilot, "finished, step 40 of 40")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen))
        assert app.screen.run.name == "other-2"

    drive(tmp_path, script)


def test_an_action_of_a_part_works_from_the_palette(tmp_path):
    run = finished_run(tmp_path)

    async def script(pilot, app):
        await until_seen(pilot, "l linear  x images")
        await until(
            pilot, lambda: "⠉" in screen_text(pilot)
        )  # a curve that is not there yet has nothing to zoom into
        await typed(pilot, "zoom in")
        await until_seen(pilot, "Zoom in on the plot.")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen))
        plot = app.screen.query_one("#curve")
        await until(pilot, lambda: not plot.window.shows_everything)

    drive(tmp_path, script, show=run)


def test_a_theme_is_taken_and_how_to_keep_it_is_told(tmp_path):
    async def script(pilot, app):
        await until_seen(pilot, "There are no runs yet")
        await typed(pilot, "theme nord")
        await until_seen(pilot, "Change the colours of the app.")
        await pilot.press("enter")
        await until_seen(pilot, "To keep it")
        assert app.theme == "nord"

    drive(tmp_path, script, toasts=True)
