"""With --ascii there is no character on screen that is not ASCII, and nothing moves for it."""

import pytest
from app_pilot import drive, finished_run, screen_text, until, until_seen, write_checkpoint
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from studio.ascii_only import GREYS, HALF_CELL, STAND_INS, AsciiOnly, plain
from studio.run_state import LOOKS
from studio.series_looks import ASCII_GLYPHS, SERIES_GLYPHS
from studio.settings import Settings
from studio.sparkline import BLOCKS

DARK, LIGHT = Color(0, 0, 0), Color(255, 255, 255)


@pytest.mark.parametrize(
    "text", ["╭─ runs ──╮", "│ done… │", "日本語", "é ² ﬁ ⣿⠉⣀⠀", "\U0001f50e search", "a\u0301", *STAND_INS]
)
def test_a_text_is_ascii_and_as_wide_as_before(text):
    assert plain(text).isascii()
    assert cell_len(plain(text)) == cell_len(text)


def test_what_is_told_apart_stays_so():
    assert len({plain(level) for level in BLOCKS}) == len(BLOCKS)
    assert plain("".join(SERIES_GLYPHS)) == "".join(ASCII_GLYPHS)
    assert len({plain(look.glyph) for look in LOOKS.values()}) == len(LOOKS)
    assert plain("⣿⠉⣀⠀") == ":'. "


def half_cell(upper, lower):
    return Segment(
        HALF_CELL * 2, Style(color=f"rgb({upper},{upper},{upper})", bgcolor=f"rgb({lower},{lower},{lower})")
    )


@pytest.mark.parametrize(("ground", "brightest"), [(DARK, "@@"), (LIGHT, "  ")])
def test_pictures_are_greys_made_of_letters(ground, brightest):
    shades = [AsciiOnly().apply([half_cell(grey, grey)], ground)[0].text for grey in range(256)]
    order = [GREYS.index(shade[0]) for shade in shades]
    assert order in (sorted(order), sorted(order, reverse=True))
    assert set(order) == set(range(len(GREYS)))
    assert shades[255] == brightest
    (mixed,) = AsciiOnly().apply([half_cell(255, 0)], DARK)
    assert mixed.text[0] in GREYS[4:6]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_every_screen_is_ascii(tmp_path, size):
    run = finished_run(tmp_path)
    write_checkpoint(run, 40)

    async def script(pilot, app):
        async def look(words):
            await until_seen(pilot, words)
            await until(pilot, lambda: screen_text(pilot).isascii() or None, 5)

        await look("done-1")
        await pilot.press("question_mark")
        await look("Keys: runs")
        await pilot.press("escape", "enter")
        await look("finished")
        await pilot.press("c")
        await look("whole")
        await pilot.press("s")
        await look("Draw")
        await pilot.press("escape", "escape", "escape", "f")
        await look("cosine")
        await pilot.press("escape", "escape", "n")
        await look("New run")
        await pilot.press("ctrl+p")
        await look("Search for commands")

    drive(tmp_path, script, size, settings=Settings(ascii=True))
