"""Terminals that answer: each is shown pictures in its own way, within the bytes that a line can carry."""

import time

import numpy as np
import pytest
from app_pilot import finished_run
from picture_terminal import PictureTerminal
from PIL import Image

from ddpm.files import json_bytes

RATE = 20_000
SECONDS, PATIENCE = 2.5, 60.0
SHOWN = RATE * SECONDS / 4


@pytest.fixture
def opened(home):
    terminals = []

    def opens(*words, **settings):
        terminals.append(PictureTerminal(home, *words, **settings))
        return terminals[-1]

    yield opens
    for terminal in terminals:
        terminal.close()


def write_samples(run, step, samples):
    """A preview of color samples [n, H, W, 3] in one row."""
    n, height, width, _ = samples.shape
    grid = Image.fromarray(np.concatenate(list(samples), axis=1))
    grid.save(run.previews_path / f"{step:08d}.png")
    recipe = {"step": step, "n": n, "columns": n, "height": height, "width": width, "channels": 3}
    (run.previews_path / f"{step:08d}.json").write_bytes(json_bytes(recipe))


def in_monitor(terminal, run):
    terminal.until_seen(run.name)
    terminal.press("\r")
    terminal.until_seen("samples · step 40")


def test_kitty_is_sent_pictures_and_placeholders_and_forgets_what_is_gone(home, opened):
    run = finished_run(home, "alpha")
    terminal = opened("kitty")
    in_monitor(terminal, run)
    terminal.until(terminal.kitty_pictures, what="a picture")
    terminal.until(lambda: "\U0010eeee\u0305\u0305".encode() in terminal.written, what="a placeholder")
    greys = {pixel[0] for _, pixel in terminal.kitty_pictures()[-1].convert("RGB").getcolors()}
    assert greys >= {40, 110, 180, 250}, "the four samples of the run"
    terminal.press("q")
    assert terminal.wait() == 0
    sent = terminal.written.count(b"a=p,U=1,i=")
    assert terminal.written.count(b"a=d,d=I,i=") == sent
    assert b"\x1bP0;1;0q" not in terminal.written


def test_a_terminal_of_sixels_is_drawn_each_line_of_the_samples(home, opened):
    run = finished_run(home, "alpha")
    terminal = opened("sixel")
    in_monitor(terminal, run)
    terminal.until(lambda: b"\x1bP0;1;0q" in terminal.written, what="a sixel image")
    terminal.press("q")
    assert terminal.wait() == 0
    lines = terminal.sixel_lines()
    assert {line.shape[0] for line in lines} == {20}, "as high as a cell"
    percents = {round(grey / 255 * 100) for grey in (40, 110, 180, 250)}
    assert percents <= {int(level) for line in lines for level in np.unique(line)}
    assert b"a=p,U=1" not in terminal.written


def test_the_way_to_show_pictures_is_changed_by_a_key(home, opened):
    run = finished_run(home, "alpha")
    terminal = opened("half")
    in_monitor(terminal, run)
    terminal.until_seen("▀▀▀")
    terminal.press("I")
    terminal.until_seen("turned off")
    terminal.press("I")
    terminal.until(terminal.kitty_pictures, what="a picture by kitty's protocol")
    terminal.press("I")
    terminal.until(lambda: b"\x1bP0;1;0q" in terminal.written, what="a sixel image")


@pytest.mark.parametrize("protocol", ["kitty", "sixel", "half"])
def test_previews_that_come_fast_stay_within_the_bytes_of_the_line(home, opened, protocol):
    run = finished_run(home, "alpha")
    draw = np.random.default_rng(0)
    terminal = opened(protocol, picture_bytes=RATE)
    started = time.monotonic()
    in_monitor(terminal, run)
    step, flood_began = 100, time.monotonic()
    while (
        terminal.picture_bytes() <= SHOWN or time.monotonic() < flood_began + SECONDS
    ) and time.monotonic() < flood_began + PATIENCE:
        write_samples(run, step, draw.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8))
        step += 1
        came = time.monotonic() + 0.05
        terminal.until(lambda: time.monotonic() > came, what="the next preview")  # noqa: B023
    written = terminal.picture_bytes()
    assert written <= RATE * (time.monotonic() - started) + RATE, "the budget, and one burst"
    assert written > SHOWN, "what there is room for is shown"
    write_samples(run, step, np.full((12, 32, 32, 3), (255, 0, 128), np.uint8))
    terminal.until_seen(f"samples · step {step}")
    shown = {
        "kitty": lambda: any((255, 0, 128) in {c for _, c in picture.convert("RGB").getcolors(1 << 16) or ()}
                             for picture in terminal.kitty_pictures()[-1:]),
        "sixel": lambda: b";100;0;50" in terminal.written,
        "half": lambda: b"255;0;128" in terminal.written,
    }  # fmt: skip
    terminal.until(shown[protocol], what="the newest preview")
