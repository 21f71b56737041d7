"""The colours of states and of what is compared can be read on the ground of every theme, light or dark."""

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from studio.themes import STUDIO_THEME, variables

OWN = [STUDIO_THEME, *BUILTIN_THEMES.values()]
READABLE = 2.5  # of 21; every one has its glyph and its word as well


def luminance(color):
    parts = [part / 255 for part in color.rgb]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    """As WCAG 2 defines it: from 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [theme for theme in OWN if not theme.ansi], ids=lambda theme: theme.name)
def test_the_colours_stand_out_from_the_ground(theme):
    ground = Color.parse(theme.to_color_system().generate()["background"])
    for name, color in variables(theme).items():
        assert contrast(Color.parse(color), ground) >= READABLE, (theme.name, name, color)


def test_states_and_series_have_colours_of_their_own():
    for theme in OWN:
        found = variables(theme)
        for kind, number in (("state-", 8), ("series-", 10)):
            of_kind = {name: color for name, color in found.items() if name.startswith(kind)}
            assert len(of_kind) == number
        assert len({color for name, color in found.items() if name[7:].isdigit()}) == 8
