"""A plot that shows one quantity of runs at a time, over steps, images or minutes."""

from typing import TypeVar

from textual.app import ComposeResult
from textual.containers import Vertical

from studio.run_series import QUANTITIES, UNITS, Quantity, Unit
from studio.widgets.plot import Plot
from studio.widgets.plot_lines import Line, Mark

Choice = TypeVar("Choice")


class QuantityPlot(Vertical):
    """Subclasses give the lines and the marks of the quantity and the unit that are chosen."""

    DEFAULT_CSS = """
    QuantityPlot > Plot { height: 1fr; }
    """

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.quantity: Quantity = QUANTITIES[0]
        self.unit: Unit = UNITS[0]
        self._log = {quantity.field: quantity.log for quantity in QUANTITIES}

    def lines(self) -> list[Line]:
        """What to plot now."""
        raise NotImplementedError

    def marks(self) -> list[Mark]:
        """What to mark on it now."""
        return []

    def compose(self) -> ComposeResult:
        yield Plot(empty="nothing logged yet", id="curve")

    def on_mount(self) -> None:
        self.show()

    @property
    def plot(self) -> Plot:
        return self.query_one(Plot)

    def next_quantity(self) -> None:
        """Loss, gradient norm, learning rate, images/s, and loss again."""
        self.quantity = _after(self.quantity, QUANTITIES)
        self.show()

    def next_unit(self) -> None:
        """Over steps, images, minutes, and steps again."""
        self.unit = _after(self.unit, UNITS)
        self.show()

    def toggle_log(self) -> None:
        """A logarithmic or a linear y axis; each quantity remembers its own."""
        self._log[self.quantity.field] = not self._log[self.quantity.field]
        self.show()

    def show(self) -> None:
        """Show the lines and the marks as they are to be now, and how to choose others."""
        quantity, log = self.quantity, self._log[self.quantity.field]
        self.plot.log_axis = log
        self.plot.show(self.lines(), unit=self.unit, marks=self.marks())
        self.border_title = quantity.title
        following = _after(quantity, QUANTITIES).title, _after(self.unit, UNITS)
        self.border_subtitle = f"l {'linear' if log else 'log'}  x {following[1]}  y {following[0]}"


def _after(one: Choice, choices: tuple[Choice, ...]) -> Choice:
    return choices[(choices.index(one) + 1) % len(choices)]
