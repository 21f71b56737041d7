"""Windows over the screens: what is seen behind them, and their buttons."""

from app_pilot import drive, finished_run, until
from textual.renderables.background_screen import BackgroundScreen
from textual.visual import Visual, visualize

from ddpm.runs_root import list_runs
from studio.screens.dialogs import Confirm, Help
from studio.screens.runs import RunsScreen
from studio.widgets.backdrop import Backdrop


def cells(strips):
    """Each character of the screen with its style."""
    return [[(letter, style) for text, style, _ in strip for letter in text] for strip in strips]


def test_the_screen_behind_a_window_is_drawn_as_textual_would_draw_it(home):
    run = finished_run(home, "alpha")

    async def script(pilot, app):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, Help))
        await pilot.pause()
        window, below = app.screen, app.screen_stack[-2]
        textuals = BackgroundScreen(below, window.styles.background)
        ours, theirs = (
            Visual.to_strips(window, visualize(window, drawn), 80, 24, window.visual_style)
            for drawn in (Backdrop(textuals), textuals)
        )
        assert cells(ours) == cells(theirs)
        assert len({style for line in cells(ours) for _, style in line}) > 5

    drive(home, script, show=run)


def test_a_question_is_answered_by_the_choice_that_has_the_focus_or_is_clicked(home):
    finished_run(home, "alpha")

    async def asked(pilot, app):
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Confirm) and app.focused is not None)
        assert app.focused.id == "no", "what cannot be undone is not the first choice"

    async def script(pilot, app):
        await asked(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        assert list_runs(home / "runs")
        await asked(pilot, app)
        await pilot.press("tab")
        assert app.focused.id == "yes"
        await pilot.press("left")
        assert app.focused.id == "no"
        await pilot.click("#yes")
        await until(pilot, lambda: not list_runs(home / "runs"))

    drive(home, script)
