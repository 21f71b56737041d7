"""The panels of the monitor in two columns: which are shown, how large each is, and one of them at full size."""

import asyncio
from typing import Literal

from textual import events, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from studio.panel_memory import PANELS, Panel, PanelLayout, remember, remembered

SIDE_STEP = 4  # per cent of the screen's width
LOG_STEP = 2  # lines
# With its border: below that a plot says nothing, and the log gives way.
LOWEST_PLOT, LOWEST_LOG = 6, 3
MOST_OF_LOG = 0.6
# Named as what it changes in a PanelLayout.
Border = Literal["side", "log"]


class MonitorPanels(Horizontal):
    """Lays out panels by a PanelLayout that keys and the mouse change and that is remembered.

    The style sheet has the layout that suits the terminal; what a person has chosen takes its place.
    """

    def __init__(self, left: list[Widget], right: list[Widget], id: str | None = None) -> None:
        super().__init__(id=id)
        self._left, self._right = left, right
        self.layout_now = PanelLayout()
        self._dragged: Border | None = None

    def compose(self) -> ComposeResult:
        yield Vertical(*self._left, id="left")
        yield Vertical(*self._right, id="right")

    async def on_mount(self) -> None:
        self.layout_now = await asyncio.to_thread(remembered)
        self._apply()

    def on_resize(self) -> None:
        self._leave_room_for_plot()

    def _leave_room_for_plot(self) -> None:
        """Keep the log low, or out of the way, where the terminal is low or words of an error take its lines."""
        log = self.query_one("#log")
        if "plot" in self.layout_now.hidden:
            log.remove_class("-no-room")
            log.styles.max_height = None
            return
        room = self.size.height - self.query_one("#tiles").outer_size.height - LOWEST_PLOT
        log.set_class(room < LOWEST_LOG - 1, "-no-room")
        log.styles.max_height = max(LOWEST_LOG, min(room, int(MOST_OF_LOG * self.size.height)))

    def toggle(self, panel: Panel) -> None:
        """Hide a panel, or show it again."""
        self._change(self.layout_now.toggled(panel))

    @property
    def samples_are_full(self) -> bool:
        """Whether the samples have the whole screen."""
        return self.screen.has_class("-full-samples")

    def show_samples_full(self, full: bool) -> None:
        """Give the samples the whole screen, for now, or take it back."""
        if full and "samples" in self.layout_now.hidden:
            self.toggle("samples")
        self.screen.set_class(full, "-full-samples")
        self._apply()

    def widen_side(self, steps: int) -> None:
        """Make the right column wider, or with a negative number narrower."""
        now = round(100 * self.query_one("#right").outer_size.width / max(1, self.size.width))
        self._change(self.layout_now.with_side(now + steps * SIDE_STEP))

    def heighten_log(self, steps: int) -> None:
        """Make the log higher, or with a negative number lower."""
        now = self.query_one("#log").outer_size.height
        self._change(self.layout_now.with_log(now + steps * LOG_STEP))

    # The mouse: borders between panels can be dragged, and a double click puts one back to where it suits

    def _border_at(self, x: int, y: int) -> Border | None:
        """What the mouse would take hold of at a place on the screen: two panels' borders lie side by side."""
        right, log = self.query_one("#right").region, self.query_one("#log").region
        if self.samples_are_full:
            return None
        if right.y <= y < right.bottom and x in (right.x - 1, right.x):
            return "side"
        if log.x <= x < log.right and y in (log.y - 1, log.y) and "plot" not in self.layout_now.hidden:
            return "log"
        return None

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._dragged = self._border_at(event.screen_x, event.screen_y)
        if self._dragged:
            event.stop()
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragged == "side":
            columns = self.region.right - event.screen_x
            # The half: a share of the width is rounded down to columns.
            per_cent = 100 * (columns + 0.5) / max(1, self.size.width)
            self.layout_now = self.layout_now.with_side(round(per_cent, 2))
        elif self._dragged == "log":
            self.layout_now = self.layout_now.with_log(self.query_one("#log").region.bottom - event.screen_y)
        else:
            return
        event.stop()
        self._apply()

    def on_mouse_up(self) -> None:
        if self._dragged:
            self._dragged = None
            self.release_mouse()
            self._remember()

    def on_click(self, event: events.Click) -> None:
        border = self._border_at(event.screen_x, event.screen_y)
        if border and event.chain == 2:
            self._change(self.layout_now.model_copy(update={border: None}))

    def _change(self, layout: PanelLayout) -> None:
        self.layout_now = layout
        self._apply()
        self._remember()

    @work(group="remember", exclusive=True, exit_on_error=False)
    async def _remember(self) -> None:
        await asyncio.to_thread(remember, self.layout_now)

    def _apply(self) -> None:
        layout, hidden = self.layout_now, set(self.layout_now.hidden)
        left, right, log = (self.query_one(f"#{id}") for id in ("left", "right", "log"))
        for panel in PANELS:
            self.query_one(f"#{panel}").set_class(panel in hidden, "-hidden")
        self.screen.query_one("#system-line").set_class("system" in hidden, "-hidden")
        log.set_class("plot" in hidden, "-alone")
        has_only_tiles = {"plot", "log"} <= hidden
        left.set_class(has_only_tiles, "-narrow")
        right.set_class(has_only_tiles, "-broad")
        right.set_class("samples" in hidden, "-without-samples")
        right.set_class({"samples", "system"} <= hidden, "-empty")
        right.styles.width = None if layout.side is None or self.samples_are_full else f"{layout.side}%"
        log.styles.height = None if layout.log is None or "plot" in hidden else layout.log
        self.call_after_refresh(self._leave_room_for_plot)
