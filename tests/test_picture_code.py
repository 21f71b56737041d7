"""What the terminal is sent for a picture: read back, it is the picture."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image
from sixel_reader import read_sixels

from studio import kitty_graphics
from studio.picture_budget import PictureBudget
from studio.picture_code import encode
from studio.picture_ladder import LADDERS, MOST_KITTY_CELLS, Rung, Scale, scale_of
from studio.terminal import find_pictures, has_truecolor
from studio.terminal_question import Answer

CELL = (20, 10)


def noise(height, width, colors):
    draw = np.random.default_rng(0)
    palette = draw.integers(0, 256, (colors, 3), dtype=np.uint8)
    return Image.fromarray(palette[draw.integers(0, colors, (height, width))])


@pytest.mark.parametrize("colors", [1, 2, 200, 5000])
def test_sixels_draw_every_pixel_in_its_color(colors):
    image = noise(40, 30, colors)
    code = encode(image, Rung("sixel", 256), Scale((4, 5), CELL), 1)
    assert (code.cells, len(code.sixel)) == ((2, 3), 2)
    assert code.n_bytes == sum(len(line) for line in code.sixel)
    read = np.concatenate([read_sixels(line) for line in code.sixel])
    off = np.abs(read - np.asarray(image) / 255 * 100)
    assert off.max() <= (0.51 if colors <= 256 else 40)


def test_kitty_is_sent_the_picture_and_as_many_placeholders_as_it_has_cells():
    image = noise(40, 300, 100)
    code = encode(image, Rung("kitty", 256), Scale((4, 60), CELL), 0x123456)
    parts = re.findall(r"\x1b_G(.*?)(?:;(.*?))?\x1b\\", code.transmission)
    *chunks, (placement, _) = parts
    assert placement == f"a=p,U=1,i={0x123456},c=30,r=2,q=2"
    assert [re.search(r"m=(\d)", keys)[1] for keys, _ in chunks] == ["1"] * (len(chunks) - 1) + ["0"]
    assert all(len(data) <= 4096 and "q=2" in keys for keys, data in chunks)
    sent = Image.open(io.BytesIO(base64.b64decode("".join(data for _, data in chunks))))
    np.testing.assert_array_equal(sent.convert("RGB"), image)
    assert kitty_graphics.color_of(code.kitty) == (0x12, 0x34, 0x56)
    row = kitty_graphics.placeholders(1, 30)
    assert row.count("\U0010eeee") == 30
    assert row.startswith("\U0010eeee\u030d\u0305\U0010eeee\u030d\u030d\U0010eeee\u030d\u030e")


def test_kittys_marks_are_those_that_kitty_counts_with():
    assert len(kitty_graphics.MARKS) == MOST_KITTY_CELLS
    assert [hex(ord(kitty_graphics.MARKS[at])) for at in (0, 5, 18, 47, 99, 128)] == [
        "0x305", "0x33d", "0x364", "0x5a1", "0x74a", "0x82d",
    ]  # fmt: skip


def test_half_cells_are_the_pixels_in_pairs():
    image = noise(6, 9, 3)
    code = encode(image, Rung("half", 1 << 24), Scale((3, 9), (2, 1)), 1)
    pairs = [[pair for n, *pair in line for _ in range(n)] for line in code.half]
    pixels = np.asarray(pairs).transpose(0, 2, 1, 3).reshape(6, 9, 3)
    np.testing.assert_array_equal(pixels, image)


@pytest.mark.parametrize("protocol", ["kitty", "sixel", "half"])
def test_every_way_down_the_ladder_takes_fewer_bytes(protocol):
    sizes = []
    for rung in LADDERS[protocol]:
        scale = scale_of(rung, (12, 40), Answer())
        sizes.append(encode(noise(*scale.space, 4000), rung, scale, 1).n_bytes)
    same = [rung for rung in LADDERS[protocol] if rung.share == 1.0 and rung.protocol == protocol]
    assert sizes[: len(same)] == sorted(sizes[: len(same)], reverse=True)
    assert sizes[-1] < sizes[0] / 4


def test_any_minute_holds_no_more_than_the_rate():
    now = [0.0]
    budget = PictureBudget(1000, burst_seconds=4, clock=lambda: now[0])
    spent = []
    while now[0] < 300:
        if budget.left >= 700:
            budget.spend(700)
            spent.append((now[0], 700))
        now[0] += 0.1
    for begin in range(240):
        assert sum(n for at, n in spent if begin <= at < begin + 60) <= 60_000
    assert sum(n for at, n in spent) > 250_000, "and what it allows can be used"


def test_what_is_sent_again_keeps_new_pictures_away_for_a_second_at_most():
    now = [0.0]
    budget = PictureBudget(1000, burst_seconds=4, clock=lambda: now[0])
    for _ in range(100):
        budget.spend_again(900)
    assert budget.left == -1000
    now[0] += 2
    assert budget.left > 700


def test_the_next_protocol_follows_the_one_in_use():
    pictures = find_pictures("auto", Answer("sixel", 7, 14))
    assert [(pictures.turn(), pictures.per_cell) for _ in range(4)] == [
        ("half", (2, 1)), ("none", (2, 1)), ("kitty", (14, 7)), ("sixel", (14, 7)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, True),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/tmux-0/default,1,0"}, True),
        ({"TERM": "screen-256color", "TMUX": "/tmp/tmux-0/default,1,0"}, True),
        ({"TERM": "screen-256color"}, False),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "odd"}, False),
        ({"TERM": "linux"}, False),
        ({}, False),
    ],
)
def test_a_terminal_of_16_million_colors_is_known_by_its_names(environ, expected):
    assert has_truecolor(environ) is expected
