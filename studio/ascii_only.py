"""Draws with the characters of ASCII only, whatever widgets want to draw: for terminals and fonts that have no more."""

import unicodedata
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from studio.series_looks import ASCII_GLYPHS, SERIES_GLYPHS

HALF_CELL = "▀"  # what pictures are made of: one colour above another
GREYS = " .:-=+*#%@"
_GROUPS = {
    "-": "─╌┄–—·▱╸╺",
    "=": "━═╍‖",
    "|": "│┃┊┆╎▌▐▏▎▍▕▊▋▉║",
    "+": "┌┐└┘├┤┬┴┼╭╮╯╰╔╗╚╝┏┓┗┛†",
    ">": "→›▶▸»",
    "<": "←↶‹⏎«",
    "^": "↑▴",
    "v": "↓▾✓",
    "x": "×",
    "X": "✗✕",
    "*": "★✎•",
    "#": "▰▦█▓",
    ".": "…◌░",
    "~": "±∞≈",
    '"': "“”„▔",
    "'": "‘’",
}
# A curve in one line goes from _ to #, the lowest value to the highest.
_LEVELS = dict(zip("▁▂▃▄▅▆▇", "_.-~=+*", strict=True))
_LETTERS = dict(zip("αβγεησᾱ", "abgensa", strict=True))
STAND_INS = {
    **{rare: plain for plain, rares in _GROUPS.items() for rare in rares},
    **_LEVELS,
    **_LETTERS,
    **dict(zip(SERIES_GLYPHS, ASCII_GLYPHS, strict=True)),
    "🔎": "> ",
}
_BRAILLE = 0x2800
_UPPER_DOTS, _LOWER_DOTS = 0x1B, 0xE4


class AsciiOnly(LineFilter):
    """Puts characters of ASCII in the place of all others; pictures of half cells become greys made of letters."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same cells, in ASCII."""
        return [
            segment if segment.control or segment.text.isascii() else _plain_segment(segment, background)
            for segment in segments
        ]


@lru_cache(4096)
def plain(text: str) -> str:
    """A text of as many cells in ASCII."""
    return "".join(map(_plain_letter, text))


def _plain_letter(letter: str) -> str:
    if letter.isascii():
        return letter
    if letter in STAND_INS:
        return STAND_INS[letter]
    if 0 <= (dots := ord(letter) - _BRAILLE) < 256:
        return " '.:"[bool(dots & _UPPER_DOTS) + 2 * bool(dots & _LOWER_DOTS)]
    cells = cell_len(letter)
    bare = "".join(part for part in unicodedata.normalize("NFKD", letter) if part.isascii())
    return bare if len(bare) == cells else "?" * cells


def _plain_segment(segment: Segment, background: Color) -> Segment:
    text, style, _ = segment
    if style is not None and style.color and style.bgcolor and text.strip(HALF_CELL) == "":
        letter, grey_style = _grey(style, background)
        return Segment(letter * len(text), grey_style)
    return Segment(plain(text), style)


@lru_cache(4096)
def _grey(style: Style, background: Color) -> tuple[str, Style]:
    """The letter that is about as bright as two half cells, in their colour."""
    assert style.color is not None
    assert style.bgcolor is not None
    upper, lower = Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)
    mixed = upper.blend(lower, 0.5)
    # On a light ground it is the letter that is dark.
    share = mixed.brightness if background.brightness < 0.5 else 1 - mixed.brightness
    letter = GREYS[min(len(GREYS) - 1, int(share * len(GREYS)))]
    return letter, Style.from_color(mixed.rich_color, background.rich_color)
