"""Windows over the screens: what is seen behind them, and their buttons."""

import pyte
from app_pilot import drive, finished_run, screen_text, until, until_seen
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from textual._compositor import LayoutUpdate
from textual.geometry import Region
from textual.renderables.background_screen import BackgroundScreen
from textual.strip import Strip
from textual.visual import Visual, visualize

from ddpm.runs_root import list_runs
from studio.screens import window
from studio.screens.dialogs import Confirm, Help
from studio.screens.runs import RunsScreen
from studio.widgets.backdrop import AsItIs, Backdrop


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


@given(parts=st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=6))
def test_what_is_left_as_it_is_stays_on_the_terminal_whatever_is_written_beside_it(parts):
    """A line of the letter a, of which some parts are written over with the letter b."""
    widths = [width for width, _ in parts]
    columns = sum(widths)
    line = AsItIs(columns + 3).crop(1, columns + 1)
    assert line.cell_length == columns
    ends = [sum(widths[: at + 1]) for at in range(len(widths))]
    pieces = [
        Strip([Segment("b" * width)]) if is_written else piece
        for (width, is_written), piece in zip(parts, line.divide(ends), strict=True)
    ]
    screen = pyte.Screen(columns + 2, 2)
    stream = pyte.Stream(screen)
    stream.feed("a" * (columns + 2))
    stream.feed(LayoutUpdate([pieces], Region(1, 0, columns, 1)).render_segments(Console()))
    assert screen.display[0] == "a" + "".join("ab"[written] * width for width, written in parts) + "a"


def test_a_window_is_painted_before_what_is_behind_it_is_touched(home, monkeypatch):
    finished_run(home, "alpha")

    async def script(pilot, app):
        await until_seen(pilot, "newest first")
        await pilot.press("x")
        await until(pilot, lambda: "Cancel" in screen_text(pilot))
        assert "newest first" not in screen_text(pilot)

    monkeypatch.setattr(window, "UNTOUCHED_SECONDS", 600.0)
    drive(home, script, (160, 48))


def test_what_is_behind_a_window_is_toned_down_then(home):
    finished_run(home, "alpha")

    async def script(pilot, app):
        await until_seen(pilot, "newest first")
        await pilot.press("x")
        await until(pilot, lambda: "Cancel" in screen_text(pilot) and "newest first" in screen_text(pilot))

    drive(home, script, (160, 48))


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
