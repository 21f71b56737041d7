"""A button of a window."""

from typing import ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

Look = Literal["plain", "primary", "error"]


class Choice(Widget, can_focus=True):
    """Words that can be clicked, or have the focus and be chosen with enter.

    It looks as a compact button of Textual's. That one has rules for sixty looks, and takes on its own in six steps,
    each of which applies them all: two buttons were a tenth of the time in which a question opened.
    """

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "choose", "Choose", show=False)]
    DEFAULT_CSS = """
    Choice {
        width: auto; min-width: 16; height: 1; line-pad: 1; content-align: center middle;
        color: $button-foreground; text-style: bold; pointer: pointer;
        &:hover { background: $surface-darken-1; }
        &.-primary { color: $button-color-foreground; background: $primary; }
        &.-primary:hover { background: $primary-darken-2; }
        &.-error { color: $button-color-foreground; background: $error; }
        &.-error:hover { background: $error-darken-1; }
        &:focus { text-style: $button-focus-text-style; background-tint: $foreground 5%; }
    }
    """

    class Chosen(Message):
        """It was clicked, or chosen with enter."""

        def __init__(self, choice: "Choice") -> None:
            super().__init__()
            self.choice = choice

        @property
        def control(self) -> "Choice":
            return self.choice

    def __init__(self, words: str, id: str, look: Look = "plain") -> None:
        super().__init__(id=id, classes=f"-{look}")
        self._words = Content(words)

    def render(self) -> Content:
        return self._words

    def on_click(self) -> None:
        self.action_choose()

    def action_choose(self) -> None:
        self.post_message(self.Chosen(self))
