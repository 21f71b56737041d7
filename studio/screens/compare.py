"""Two to eight runs side by side: curves, differing fields of their recipes, and samples at the same step."""

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.widget import Widget

from ddpm.runs import Run
from studio.action import Place
from studio.actions import bindings
from studio.compare_view import CompareView
from studio.screens.base import StudioScreen
from studio.series_looks import SeriesLook
from studio.widgets.compare_plot import ComparePlot
from studio.widgets.compare_previews import ComparePreviews
from studio.widgets.compare_table import CompareTable
from studio.widgets.slider import Slider
from studio.workshop import Workshop

POLL_SECONDS = 0.5
# Between a move of the slider and the reading of pictures: it may be on its way.
SLIDE_SECONDS = 0.05


class CompareScreen(StudioScreen):
    place: ClassVar[Place] = "compare"
    BINDINGS: ClassVar[list[BindingType]] = bindings("compare")
    AUTO_FOCUS = "#compare-step"

    def __init__(self, workshop: Workshop, runs: Sequence[tuple[Run, SeriesLook]]) -> None:
        super().__init__(workshop, "Compare", f" · {len(runs)} runs")
        self.view = CompareView(runs)
        self._steps_shown: list[int | None] = []

    def body(self) -> list[Widget]:
        return [
            Vertical(
                Container(
                    ComparePlot(self.view, id="compare-plot"),
                    CompareTable(id="compare-table"),
                    id="compare-top",
                ),
                ComparePreviews(self.view, self.workshop.pictures, id="compare-previews"),
                id="compare",
            )
        ]

    def on_mount(self) -> None:
        self.query_one("#compare-table").border_title = "what differs"
        self.query_one("#compare-previews").border_title = "samples"
        self.follow(self._look)

    async def _look(self) -> float:
        more = False
        for run in self.view.runs:
            # Off this thread, and one run after the other: each may have many megabytes of records.
            news = await asyncio.to_thread(run.glance)
            run.take(news, starting=self.workshop.runner.is_starting(run.run))
            more = more or news.more
        if self.is_there:
            self._show()
        return 0.0 if more else POLL_SECONDS

    def _show(self) -> None:
        self.query_one(ComparePlot).follow()
        self.query_one(CompareTable).show(self.view)
        self.query_one(ComparePreviews).show_place()
        if self.view.shown_steps != self._steps_shown:
            self._show_samples()

    @work(group="samples", exclusive=True, exit_on_error=False)
    async def _show_samples(self) -> None:
        await asyncio.sleep(SLIDE_SECONDS)
        previews = self.query_one(ComparePreviews)
        if self.is_there and previews.display:
            self._steps_shown = self.view.shown_steps
            await previews.follow()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        # Elsewhere all of it is seen at once.
        return action != "turn" or (self.has_class("-narrow") and self.has_class("-low"))

    def action_turn(self) -> None:
        self.toggle_class("-recipes")
        self.query_one("#compare-table" if self.has_class("-recipes") else "#compare-step").focus()
        self.call_after_refresh(self._show)

    def _go(self, place: int) -> None:
        self.view.go(place)
        self.query_one(ComparePreviews).show_place()
        self._show_samples()

    def action_step(self, by: int) -> None:
        self._go(self.view.place + by)

    def action_first(self) -> None:
        self._go(0)

    def action_last(self) -> None:
        self._go(len(self.view.steps) - 1)

    def on_slider_moved(self, event: Slider.Moved) -> None:
        self._go(event.value)

    def action_log_axis(self) -> None:
        self.query_one(ComparePlot).toggle_log()

    def action_next_unit(self) -> None:
        self.query_one(ComparePlot).next_unit()

    def action_next_quantity(self) -> None:
        self.query_one(ComparePlot).next_quantity()
