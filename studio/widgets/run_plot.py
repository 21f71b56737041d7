"""The plot of a run: one of its quantities at a time, over steps, images or minutes."""

import math
import time

from textual.app import ComposeResult

from ddpm.printable import printable
from studio.run_series import HELD_OUT, number
from studio.run_view import RunView
from studio.widgets.axis import tick_text
from studio.widgets.heat_strip import HeatStrip
from studio.widgets.plot import Plot
from studio.widgets.plot_frame import Frame
from studio.widgets.plot_lines import Line, Mark
from studio.widgets.quantity_plot import QuantityPlot

# Of the kinds of events that a view keeps for its curves.
GLYPHS = {"resumed": "▶", "changed": "~", "rolled-back": "↶", "non-finite": "×", "note": "✎"}
SPIKE = "▲"
MOST_SPIKES = 500
# Between two drawings of new rows. A plot is the dearest thing on the screen, and eyes need no more.
DRAW_SECONDS = 0.5
# Lines, below which the curve has none to give to the strip of loss by timestep.
ROOM_FOR_HEAT = 14


class RunPlot(QuantityPlot):
    """Shows what a RunView has gathered; call ``follow`` when it may have more."""

    DEFAULT_CSS = """
    RunPlot > HeatStrip { display: none; margin-top: 1; }
    """

    def __init__(self, view: RunView, id: str | None = None) -> None:
        super().__init__(id=id)
        self._view = view
        self._seen: tuple[object, ...] = ()
        self._drawn_at = -math.inf
        self._heat_frame: Frame | None = None

    def compose(self) -> ComposeResult:
        yield from super().compose()
        yield HeatStrip("loss by t", id="heat")

    def on_resize(self) -> None:
        # At once: a curve that has no room any more tells of no frame, and the strip would keep its lines for ever.
        if self.size.height < ROOM_FOR_HEAT:
            self.query_one(HeatStrip).display = False

    def on_plot_framed(self, message: Plot.Framed) -> None:
        message.stop()
        if message.frame is not self._heat_frame:
            self._show_heat(message.frame)

    def _show_heat(self, frame: Frame) -> None:
        self._heat_frame = frame
        strip = self.query_one(HeatStrip)
        bins = self._view.series.loss_bins(self.unit)
        strip.display = bool(bins) and self.quantity.field == "loss" and self.size.height >= ROOM_FOR_HEAT
        if strip.display:
            last = f"t {tick_text(self._view.config.diffusion.T - 1)}" if self._view.config else "t max"
            strip.show(bins, ("t 0", last), frame)

    def follow(self) -> None:
        """Draw what is new, or leave it to one of the next calls; costs nothing where nothing is."""
        seen = (len(self._view.series), self._view.marked)
        if seen == self._seen or time.monotonic() - self._drawn_at < DRAW_SECONDS:
            return
        self._seen = seen
        if len(self._view.series):  # the first rows are not kept waiting
            self._drawn_at = time.monotonic()
        self.plot.marks = tuple(self.marks())
        self.plot.redraw()
        # With the curve already, and not after it: the screen is painted once for both.
        if self.plot.is_on_screen and (frame := self.plot.draw_if_old()):
            self._show_heat(frame)

    def lines(self) -> list[Line]:
        quantity = self.quantity
        series = self._view.series.of(quantity.field, self.unit)
        lines = [Line(series, quantity.title, band=quantity.smooth, smooth=quantity.smooth)]
        if quantity.field == "loss":
            held_out = self._view.series.of(HELD_OUT, self.unit)
            lines.append(Line(held_out, "held out", number=2, band=False, smooth=False))
        return lines

    def marks(self) -> list[Mark]:
        if not len(self._view.series):
            return []
        events = [event for event in self._view.marked if math.isfinite(number(event.get("step")))]
        at = self._view.series.places([number(event["step"]) for event in events], self.unit)
        marks = [
            Mark(float(x), GLYPHS[event["kind"]], _words(event)) for x, event in zip(at, events, strict=True)
        ]
        return marks + self._spike_marks() if self.quantity.field == "loss" else marks

    def _spike_marks(self) -> list[Mark]:
        spikes = self._view.spikes.found[-MOST_SPIKES:]
        at = self._view.series.places([spike.step for spike in spikes], self.unit)
        return [
            Mark(
                float(x),
                SPIKE,
                f"spike {spike.loss:.4g}, {spike.score:.0f} deviations above the loss before it",
                spike.loss,
            )
            for x, spike in zip(at, spikes, strict=True)
        ]


def _words(event: dict[str, object]) -> str:
    words = printable(str(event.get("message", "")))
    return f"{event['kind']} {words}".strip()[:60]
