"""The three curves of two schedules side by side, and below the slider one line about each."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content

from studio.schedule_view import Curves, Scene
from studio.schedule_words import state_of
from studio.widgets.curves import CurvesPanel, Shown
from studio.widgets.schedule_form import GLYPHS
from studio.widgets.words import Words

# The id of each panel, the table that it shows, and how its values are written.
_PANELS = (("beta", "beta", "{:.2g}"), ("alpha-bar", "alpha_bar", "{:.3f}"), ("log-snr", "log_snr", "{:.1f}"))


class ScheduleCurves(Horizontal):
    """beta, alpha_bar and the log of the SNR of A and B."""

    def compose(self) -> ComposeResult:
        yield CurvesPanel("β", "noise added", "log", id="beta")
        yield CurvesPanel("ᾱ", "image left", "share", id="alpha-bar")
        yield CurvesPanel("log SNR", "image to noise", "linear", id="log-snr")

    def show(self, scene: Scene, first: Curves, second: Curves) -> None:
        """Draw A and B, with a line where the scene stands."""
        a, b = scene.t, scene.t_second
        for id, table, written in _PANELS:
            curves = getattr(first, table), getattr(second, table)
            texts = written.format(curves[0][a]), written.format(curves[1][b])
            self.query_one(f"#{id}", CurvesPanel).show(Shown(*curves, a, b, texts))


class ScheduleFacts(Words):
    """What is left of the image at t, for A and for B."""

    def show(self, scene: Scene, first: Curves, second: Curves) -> None:
        """Say it; with t where B has another T."""
        lines = [
            Content.assemble(
                (f"{side} {GLYPHS[side]} {curves.name:<9} ", f"bold $series-{side.lower()}"),
                f"t = {t}: " if scene.first.T != scene.second.T else "",
                state_of(curves, t),
            )
            for side, curves, t in (("A", first, scene.t), ("B", second, scene.t_second))
        ]
        self.update(Content("\n").join(lines))
