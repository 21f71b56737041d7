"""The log of a run: what happened to it, from a level of gravity on."""

from collections import deque
from collections.abc import Iterable
from typing import Any

from textual import events
from textual.widgets import RichLog

from studio.log_levels import LEVELS, TITLES, Level, at_least, next_level
from studio.widgets.log import log_line

LINES = 150


class RunLog(RichLog):
    """Shows the newest of the events that it is given; they are wrapped anew whenever its width changes."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id, wrap=True, min_width=20, max_lines=LINES, auto_scroll=True)
        self.level: Level = "info"
        self._newest = _no_events()
        self._wrapped_at = 0

    def on_mount(self) -> None:
        self.border_title = TITLES[self.level]

    def add(self, news: list[dict[str, Any]]) -> None:
        """Show what has happened since."""
        for level, newest in self._newest.items():
            newest.extend(event for event in news if at_least(event, level))
        self._write_lines(news)

    def begin_again(self) -> None:
        """Forget all events."""
        self._newest = _no_events()
        self.clear()

    def wait_for(self, words: str) -> None:
        """Say what was asked of the trainer; empty once an event tells of it."""
        self.border_subtitle = words

    def show_next_level(self) -> None:
        """Show warnings and errors only, then errors only, then everything."""
        self.level = next_level(self.level)
        self.border_title = TITLES[self.level]
        self._write_anew()

    def on_resize(self, event: events.Resize) -> None:
        if event.size.width != self._wrapped_at:
            self._wrapped_at = event.size.width
            self.call_after_refresh(self._write_anew)

    def _write_anew(self) -> None:
        self.clear()
        self._write_lines(self._newest[self.level])

    def _write_lines(self, news: Iterable[dict[str, Any]]) -> None:
        for event in [event for event in news if at_least(event, self.level)][-LINES:]:
            self.write(log_line(event, self.app.theme_variables))


def _no_events() -> dict[Level, deque[dict[str, Any]]]:
    """Room for the newest events of each level and above, as many as are shown."""
    return {level: deque(maxlen=LINES) for level in LEVELS}
