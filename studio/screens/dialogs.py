"""Small windows over the screen: a question, a moment of waiting, the list of keys."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, LoadingIndicator, Static

from ddpm.errors import DDPMError
from studio.action import Place
from studio.keymap import Keymap
from studio.screens.window import Window
from studio.widgets.choice import Choice
from studio.widgets.key_line import KeyLine
from studio.widgets.key_table import KeyTable


def _asked(question: str, detail: str) -> Static:
    return Static(Content.assemble((question, "bold"), "\n\n", (detail, "$muted")))


class Confirm(Window[bool]):
    """A question with two answers; escape is no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape", "answer(False)", "Cancel", key_display="esc"),
        Binding("left,right", "app.focus_next", "Choose", show=False),
    ]

    def __init__(self, question: str, detail: str, yes: str, *, dangerous: bool = False) -> None:
        super().__init__()
        self._question, self._detail, self._yes, self._dangerous = question, detail, yes, dangerous

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield _asked(self._question, self._detail)
            with Horizontal(classes="dialog-buttons"):
                yield Choice(f"{self._yes} (y)", "yes", "error" if self._dangerous else "primary")
                yield Choice("Cancel (esc)", "no")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one("#no" if self._dangerous else "#yes").focus()

    def on_choice_chosen(self, event: Choice.Chosen) -> None:
        self.dismiss(event.choice.id == "yes")

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)


class Ask(Window[str | None]):
    """A line of text, asked for; escape is none. What is wrong with it is said below until it is mended."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "OK"),
        Binding("escape", "dismiss", "Cancel", key_display="esc"),
    ]

    def __init__(
        self, question: str, detail: str, text: str, yes: str, check: Callable[[str], object]
    ) -> None:
        """``text``: what stands there at first; ``check`` raises DDPMError for what it cannot be."""
        super().__init__()
        self._question, self._detail, self._text, self._yes, self._check = question, detail, text, yes, check

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield _asked(self._question, self._detail)
            yield Input(self._text, classes="dialog-input", compact=True, select_on_focus=False)
            yield Static("", classes="dialog-problem", markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Choice(f"{self._yes} (enter)", "yes", "primary")
                yield Choice("Cancel (esc)", "no")
        yield KeyLine()

    def on_input_changed(self) -> None:
        self.query_one(".dialog-problem", Static).update("")

    def on_input_submitted(self) -> None:
        self.action_submit()

    def on_choice_chosen(self, event: Choice.Chosen) -> None:
        if event.choice.id == "yes":
            self.action_submit()
        else:
            self.dismiss(None)

    def action_submit(self) -> None:
        text = self.query_one(Input).value.strip()
        try:
            self._check(text)
        except DDPMError as error:
            self.query_one(".dialog-problem", Static).update(str(error))
            return
        self.dismiss(text)


class Waiting(Window[bool]):
    """Shown until ``done`` says so, asked ten times a second, or until its user does not want to wait; gives whether
    it is done."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(False)", "Cancel", key_display="esc")]

    def __init__(self, words: str, done: Callable[[], bool]) -> None:
        super().__init__()
        self._words, self._done = words, done

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content.styled(self._words, "bold"))
            yield LoadingIndicator()
        yield KeyLine()

    def on_mount(self) -> None:
        self.set_interval(0.1, self._look)

    def _look(self) -> None:
        if self._done():
            self.dismiss(True)


class Help(Window[None]):
    """The keys of a screen and of the whole app."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss", "Close", key_display="esc")
    ]

    def __init__(self, place: Place, keymap: Keymap) -> None:
        super().__init__()
        self._place, self._keymap = place, keymap

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog help"):
            yield Static(Content.styled(f"Keys: {self._place}", "bold $primary"))
            yield KeyTable([*self._keymap.help_rows(self._place), *_ALWAYS], classes="dialog-detail")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()


_ALWAYS = [
    ("tab", "Next field or pane; shift+tab: the one before."),
    ("ctrl+p", "Command palette: everything by name; open a run, choose a theme."),
]
