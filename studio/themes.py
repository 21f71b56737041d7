"""The app's own theme, and the colours that every theme gets: those of states and of what is compared."""

from textual.theme import Theme

from studio.run_state import STATE_COLORS, STATE_COLORS_ON_LIGHT
from studio.series_looks import SERIES_COLORS, SERIES_COLORS_ON_LIGHT, SeriesLook

# Two of Okabe and Ito's colours for what is compared, everywhere alike; darker ones of theirs on light ground.
SERIES_ON_DARK = {"series-a": "#56b4e9", "series-b": "#e69f00"}
SERIES_ON_LIGHT = {"series-a": "#0072b2", "series-b": "#d55e00"}

STUDIO_THEME = Theme(
    name="studio",
    primary="#6cb6ff",
    secondary="#8fa8c8",
    accent="#ffb454",
    warning="#f0c742",
    error="#f07a55",
    success="#2bb58a",
    foreground="#d5dbe5",
    background="#0e131a",
    surface="#131a23",
    panel="#1b2531",
    dark=True,
    variables={
        "footer-key-foreground": "#ffb454",
        "footer-background": "#1b2531",
        "border-blurred": "#2b3949",
    },
)


def variables(theme: Theme) -> dict[str, str]:
    """What the style sheet and the widgets ask for by name besides Textual's own colours."""
    states, compared, marked, muted = (
        (STATE_COLORS, SERIES_COLORS, SERIES_ON_DARK, "#7f8da0")
        if theme.dark
        else (STATE_COLORS_ON_LIGHT, SERIES_COLORS_ON_LIGHT, SERIES_ON_LIGHT, "#5c6773")
    )
    looks = map(SeriesLook, range(len(compared)))
    of_series = {look.variable: color for look, color in zip(looks, compared, strict=True)}
    return {**states, **of_series, **marked, "muted": muted}
