"""What the windows over the screens share: the screen below shows through; some have keys in the table of actions."""

from typing import ClassVar

from textual import events
from textual.geometry import Region
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import ModalScreen, ScreenResultType
from textual.strip import Strip
from textual.visual import VisualType

from studio.action import Place
from studio.widgets.backdrop import AsItIs, Backdrop

# From a window's first painting until what is behind it is toned down.
UNTOUCHED_SECONDS = 0.01


class Window(ModalScreen[ScreenResultType]):
    """A window over a screen, which shows through.

    It is painted before what is behind it is touched, which takes as long again: who asked for it sees it sooner.
    """

    _is_new = True

    def render_lines(self, crop: Region) -> list[Strip]:
        if not self._is_new:
            return super().render_lines(crop)
        self.set_timer(UNTOUCHED_SECONDS, self._tone_down)
        return [AsItIs(crop.width)] * crop.height

    def _tone_down(self) -> None:
        if self._is_new:  # a new screen may be painted more than once meanwhile
            self._is_new = False
            self.refresh()

    def render(self) -> VisualType:  # type: ignore[override]  # a Visual is drawn as well
        drawn = super().render()
        return Backdrop(drawn) if isinstance(drawn, BackgroundScreen) else drawn

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        event.refresh_styles = False  # what is mounted has its styles

    def on_resize(self, event: events.Resize) -> None:
        # Textual tells a screen that is new of its size after it has been laid out for that, and would then lay it
        # out and draw it once more, and the screens below it.
        if event.size == self.outer_size:
            event.prevent_default()


class StudioWindow(Window[ScreenResultType]):
    """A window with keys and help of its own. Subclasses say their ``place`` and take ``window_bindings`` of it."""

    place: ClassVar[Place]
