"""The plot of a run: one of its quantities at a time, over steps, images or minutes."""

from typing import TypeVar

from textual.app import ComposeResult
from textual.containers import Vertical

from ddpm.printable import printable
from studio.run_series import HELD_OUT, QUANTITIES, UNITS, Quantity, Unit
from studio.run_view import RunView
from studio.widgets.heat_strip import HeatStrip
from studio.widgets.plot import Plot
from studio.widgets.plot_frame import Frame
from studio.widgets.plot_lines import Line, Mark

# Events that a curve may show something of, and their glyphs.
MARKED = {"resumed": "▶", "changed": "~", "rolled-back": "↶", "non-finite": "×", "note": "✎"}
SPIKE = "▲"
MOST_MARKS = 500
# Lines, below which the curve has none to give to the strip of loss by timestep.
ROOM_FOR_HEAT = 14

Choice = TypeVar("Choice")


class RunPlot(Vertical):
    """Shows what a RunView has gathered; call ``follow`` when it may have more."""

    DEFAULT_CSS = """
    RunPlot {
        & > Plot { height: 1fr; }
        & > HeatStrip { display: none; margin-top: 1; }
    }
    """

    def __init__(self, view: RunView, id: str | None = None) -> None:
        super().__init__(id=id)
        self._view = view
        self._quantity: Quantity = QUANTITIES[0]
        self._unit: Unit = UNITS[0]
        self._log = {quantity.field: quantity.log for quantity in QUANTITIES}
        self._seen = (0, 0)

    def compose(self) -> ComposeResult:
        yield Plot(empty="nothing logged yet", id="curve")
        yield HeatStrip("loss by t", id="heat")

    def on_mount(self) -> None:
        self._show()

    @property
    def plot(self) -> Plot:
        return self.query_one(Plot)

    def on_plot_framed(self, message: Plot.Framed) -> None:
        message.stop()
        self._show_heat(message.frame)

    def _show_heat(self, frame: Frame) -> None:
        strip = self.query_one(HeatStrip)
        bins = self._view.series.loss_bins(self._unit)
        strip.display = bool(bins) and self._quantity.field == "loss" and self.size.height >= ROOM_FOR_HEAT
        if strip.display:
            last = f"t {self._view.config.diffusion.T - 1}" if self._view.config else "t max"
            strip.show(bins, ("t 0", last), frame)

    def follow(self) -> None:
        """Draw what is new; costs nothing where nothing is."""
        seen = (len(self._view.series), len(self._view.events))
        if seen == self._seen:
            return
        self._seen = seen
        self.plot.marks = tuple(self._marks())
        self.plot.redraw()

    def next_quantity(self) -> None:
        """Loss, gradient norm, learning rate, images/s, and loss again."""
        self._quantity = _after(self._quantity, QUANTITIES)
        self._show()

    def next_unit(self) -> None:
        """Over steps, images, minutes, and steps again."""
        self._unit = _after(self._unit, UNITS)
        self._show()

    def toggle_log(self) -> None:
        """A logarithmic or a linear y axis; each quantity remembers its own."""
        self._log[self._quantity.field] = not self._log[self._quantity.field]
        self._show()

    def _show(self) -> None:
        quantity, log = self._quantity, self._log[self._quantity.field]
        self.plot.log_axis = log
        self.plot.show(self._lines(), unit=self._unit, marks=self._marks())
        self.border_title = quantity.title
        following = _after(quantity, QUANTITIES).title, _after(self._unit, UNITS)
        self.border_subtitle = f"l {'linear' if log else 'log'}  x {following[1]}  y {following[0]}"

    def _lines(self) -> list[Line]:
        quantity = self._quantity
        series = self._view.series.of(quantity.field, self._unit)
        lines = [Line(series, quantity.title, band=quantity.smooth, smooth=quantity.smooth)]
        if quantity.field == "loss":
            held_out = self._view.series.of(HELD_OUT, self._unit)
            lines.append(Line(held_out, "held out", number=2, band=False, smooth=False))
        return lines

    def _marks(self) -> list[Mark]:
        events = [event for event in self._view.events if event.get("kind") in MARKED][-MOST_MARKS:]
        marks = [
            Mark(self._view.series.place(step, self._unit), MARKED[event["kind"]], _words(event))
            for event in events
            if isinstance(step := event.get("step"), int) and len(self._view.series)
        ]
        return marks + self._spike_marks() if self._quantity.field == "loss" else marks

    def _spike_marks(self) -> list[Mark]:
        return [
            Mark(
                self._view.series.place(spike.step, self._unit),
                SPIKE,
                f"spike {spike.loss:.4g}, {spike.score:.0f} deviations above the loss before it",
                spike.loss,
            )
            for spike in self._view.spikes.found[-MOST_MARKS:]
        ]


def _words(event: dict[str, object]) -> str:
    words = printable(str(event.get("message", "")))
    return f"{event['kind']} {words}".strip()[:60]


def _after(one: Choice, choices: tuple[Choice, ...]) -> Choice:
    return choices[(choices.index(one) + 1) % len(choices)]
