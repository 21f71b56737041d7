"""A slider over whole numbers: its keys belong to the screen, the mouse to itself."""

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget


class Slider(Widget, can_focus=True):
    """Stands at one of 0 to ``last``; posts Moved where the mouse wants it to be."""

    COMPONENT_CLASSES = {"slider--done", "slider--left", "slider--knob"}  # noqa: RUF012
    DEFAULT_CSS = """
    Slider {
        height: 1;
        .slider--done { color: $series-a; }
        .slider--left { color: $foreground 30%; }
        .slider--knob { color: $foreground; text-style: bold; }
        &:focus .slider--knob { color: $series-a; text-style: bold reverse; }
    }
    """

    class Moved(Message):
        """The mouse asks for this value."""

        def __init__(self, value: int) -> None:
            self.value = value
            super().__init__()

    def __init__(self, name: str, before: str, after: str, id: str | None = None) -> None:
        """``name``: of the number; ``before`` and ``after``: what lies at its two ends."""
        super().__init__(id=id)
        self._title, self._ends = name, (before, after)
        self._value, self._last, self._words = 0, 1, ""
        self._held = False

    def show(self, value: int, last: int, words: str = "") -> None:
        """Stand at ``value`` of 0 to ``last``. ``words``: what to call it, where it has a better name."""
        if (value, last, words) != (self._value, self._last, self._words):
            self._value, self._last, self._words = value, last, words
            self.refresh()

    @property
    def _knob(self) -> str:
        return f" {self._title} {self._words or f'= {self._value}'} "

    def render_line(self, y: int) -> Strip:
        text = self._knob
        done, left, knob = (
            self.get_component_rich_style(f"slider--{part}") for part in ("done", "left", "knob")
        )
        before, after = self._ends
        room = self._track[1] - len(text)
        at = round(self._share * max(0, room))
        segments = [
            Segment(f"{before} ", left),
            Segment("━" * at, done),
            Segment(text, knob),
            Segment("─" * (room - at), left),
            Segment(f" {after}", left),
        ]
        return Strip(segments).adjust_cell_length(self.size.width).apply_style(self.rich_style)

    @property
    def _share(self) -> float:
        return self._value / self._last if self._last else 0.0

    @property
    def _track(self) -> tuple[int, int]:
        """Where the track begins, and its length, in cells."""
        before, after = self._ends
        return len(before) + 1, self.size.width - len(before) - len(after) - 2

    # Mouse

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._held = True
        self.capture_mouse()
        self._go_to(event.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._held:
            self._go_to(event.x)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        self._held = False
        self.release_mouse()

    def on_mouse_scroll_down(self) -> None:
        self.post_message(self.Moved(self._value + 1))

    def on_mouse_scroll_up(self) -> None:
        self.post_message(self.Moved(self._value - 1))

    def _go_to(self, x: int) -> None:
        start, width = self._track
        half = len(self._knob) / 2
        share = (x + 0.5 - start - half) / max(1.0, width - 2 * half)
        self.post_message(self.Moved(round(min(max(share, 0.0), 1.0) * self._last)))
