"""The curves of several runs over each other."""

from studio.compare_view import CompareView
from studio.widgets.plot_lines import Line
from studio.widgets.quantity_plot import QuantityPlot


class ComparePlot(QuantityPlot):
    """Shows what a CompareView has gathered; call ``follow`` when it may have more."""

    def __init__(self, view: CompareView, id: str | None = None) -> None:
        super().__init__(id=id)
        self._view = view
        self._seen: list[int] = []

    def lines(self) -> list[Line]:
        # No bands of raw values: of several they would hide each other.
        return [
            Line(
                run.view.series.of(self.quantity.field, self.unit),
                run.run.name,
                number=run.look.number,
                band=False,
                smooth=self.quantity.smooth,
            )
            for run in self._view.runs
        ]

    def follow(self) -> None:
        """Draw what is new; costs nothing where nothing is."""
        seen = [len(run.view.series) for run in self._view.runs]
        if seen != self._seen:
            self._seen = seen
            self.plot.redraw()
