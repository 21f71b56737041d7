"""A line of a form: a label, something to type or pick, and below it what is wrong with it."""

from collections.abc import Iterable, Mapping

from textual import events
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from studio.widgets.picker import Picker


class KeyedInput(Input):
    """An input that takes only certain characters and leaves all others to the keys of the screen.

    So that ``q`` still quits and ``?`` still helps while a number is being typed.
    """

    def __init__(
        self, value: str, *, allowed: str = "", placeholder: str = "", id: str | None = None
    ) -> None:
        """``allowed``: the characters it takes; empty takes any."""
        super().__init__(value, placeholder=placeholder, id=id, compact=True)
        self._allowed = allowed

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return super().check_consume_key(key, character) and self._takes(character)

    def on_key(self, event: events.Key) -> None:
        if event.is_printable and not self._takes(event.character):
            event.prevent_default()

    def _takes(self, character: str | None) -> bool:
        return not self._allowed or (character is not None and character in self._allowed)


class Field(Vertical):
    """Label and control on one line; the line below appears only with something to say.

    The label is drawn by the field itself, left of its control: a form has many.
    """

    DEFAULT_CSS = """
    Field {
        height: auto; color: $muted;
        & > KeyedInput, & > Picker { margin-left: 19; width: 1fr; }
        & > .field-problem { height: auto; color: $text-error; padding-left: 2; }
    }
    """

    def __init__(
        self, label: str, control: KeyedInput | Picker, id: str | None = None, help: str = ""
    ) -> None:
        """``help``: what it means, for whoever shows that while it has the focus."""
        super().__init__(control, id=id)
        self._label = label
        self._is_changed = False
        self.help = help
        self.control = control
        self.problem = ""

    def render(self) -> Content:
        words = f"{self._label} •" if self._is_changed else self._label
        style = "bold $foreground" if self.has_focus_within else "$muted"
        return Content.styled(words, style).truncate(self.control.styles.margin.left)

    def on_descendant_focus(self) -> None:
        self.refresh()

    def on_descendant_blur(self) -> None:
        self.refresh()

    @property
    def text(self) -> str:
        return self.control.value

    def fill(self, text: str) -> None:
        """Put a value in without telling anyone that it changed."""
        with self.control.prevent(Input.Changed, Picker.Changed):
            self.control.value = text

    def offer(self, choices: Iterable[str], words: Mapping[str, str] | None = None) -> None:
        """Give a picker other choices, without telling anyone; what is picked stays so if it is among them."""
        assert isinstance(self.control, Picker)
        self.control.offer(choices, words)

    def show_changed(self, is_changed: bool) -> None:
        """Mark a value that is not what it was before anybody changed it."""
        if is_changed != self._is_changed:
            self._is_changed = is_changed
            self.refresh()

    def show_problem(self, problem: str) -> None:
        """Say what is wrong with the value; nothing takes the words away."""
        if problem == self.problem:
            return
        self.problem = problem
        if self.is_attached:
            self._tell_problem()

    def on_mount(self) -> None:
        if self.problem:
            self._tell_problem()

    def _tell_problem(self) -> None:
        if not self.query(".field-problem"):
            self.mount(Static("", classes="field-problem", markup=False))
        words = self.query_one(".field-problem", Static)
        words.update(f"↑ {self.problem}")
        words.display = bool(self.problem)


def field_of(control: Widget) -> Field:
    """The line of a form that a control belongs to."""
    return next(parent for parent in control.ancestors if isinstance(parent, Field))
