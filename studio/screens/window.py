"""What the windows over the screens share: a place in the table of actions, whose keys they have."""

from typing import ClassVar

from textual.screen import ModalScreen, ScreenResultType

from studio.action import Place


class StudioWindow(ModalScreen[ScreenResultType]):
    """A window with keys and help of its own. Subclasses say their ``place`` and take ``window_bindings`` of it."""

    place: ClassVar[Place]
