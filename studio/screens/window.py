"""What the windows over the screens share: the screen below shows through; some have keys in the table of actions."""

from typing import ClassVar

from textual import events
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import ModalScreen, ScreenResultType
from textual.visual import VisualType

from studio.action import Place
from studio.widgets.backdrop import Backdrop


class Window(ModalScreen[ScreenResultType]):
    """A window over a screen, which shows through."""

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
