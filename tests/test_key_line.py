"""The line of keys at the bottom, with a mouse."""

from app_pilot import drive, screen_text, until, until_seen
from textual.widgets import Input

from studio.screens.dialogs import Help
from studio.widgets.key_line import KeyLine


def test_a_click_presses_the_key_under_it_and_the_mouse_is_told_what_that_does(home):
    async def script(pilot, app):
        await until_seen(pilot, "? Help")
        at = screen_text(pilot).splitlines()[-1].index("Help")
        await pilot.hover(KeyLine, (at, 0))
        await until(pilot, lambda: app.screen.query_one(KeyLine).tooltip == "Show the keys of this screen.")
        await pilot.click(KeyLine, (79, 0))
        await pilot.click(KeyLine, (at, 0))
        await until(pilot, lambda: isinstance(app.screen, Help))
        await until(pilot, lambda: screen_text(pilot).splitlines()[-1].startswith("esc Close"))

    drive(home, script)


def test_it_follows_the_focus(home):
    async def script(pilot, app):
        await until_seen(pilot, "n New")
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(app.focused, Input))
        await until(pilot, lambda: "n New" not in screen_text(pilot).splitlines()[-1])

    drive(home, script)
