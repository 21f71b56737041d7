"""A line of a form: a label, something to type or pick, and below it what is wrong with it."""

from collections.abc import Iterable, Mapping

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Input, Select, Static


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
    """Label and control on one line; the line below appears only with something to say."""

    DEFAULT_CSS = """
    Field {
        height: auto;
        & > .field-line { height: 1; }
        & .field-label { width: 19; color: $muted; text-wrap: nowrap; }
        & KeyedInput, & Select { width: 1fr; }
        & > .field-problem { height: auto; color: $text-error; padding-left: 2; display: none; }
        &.-focused .field-label { color: $foreground; text-style: bold; }
    }
    """

    def __init__(
        self, label: str, control: KeyedInput | Select[str], id: str | None = None, help: str = ""
    ) -> None:
        """``help``: what it means, for whoever shows that while it has the focus."""
        super().__init__(id=id)
        self._label = label
        self._is_changed = False
        self.help = help
        self.control = control
        self.problem = ""

    def compose(self) -> ComposeResult:
        with Horizontal(classes="field-line"):
            yield Static(self._label, classes="field-label")
            yield self.control
        yield Static("", classes="field-problem", markup=False)

    # Not by :focus-within, whose end Textual does not pass on to the label.
    def on_descendant_focus(self) -> None:
        self.add_class("-focused")

    def on_descendant_blur(self) -> None:
        self.remove_class("-focused")

    @property
    def text(self) -> str:
        value = self.control.value
        return value if isinstance(value, str) else ""

    def fill(self, text: str) -> None:
        """Put a value in without telling anyone that it changed."""
        with self.control.prevent(Input.Changed, Select.Changed):
            self.control.value = text

    def offer(self, choices: Iterable[str], words: Mapping[str, str] | None = None) -> None:
        """Give a drop-down other choices, without telling anyone; what is chosen stays so if it is among them."""
        assert isinstance(self.control, Select)
        chosen, offered = self.text, list(choices)
        with self.control.prevent(Select.Changed):
            self.control.set_options(prompts(offered, words))
            if chosen in offered:
                self.control.value = chosen

    def show_changed(self, is_changed: bool) -> None:
        """Mark a value that is not what it was before anybody changed it."""
        if is_changed != self._is_changed:
            self._is_changed = is_changed
            self.query_one(".field-label", Static).update(f"{self._label} •" if is_changed else self._label)

    def show_problem(self, problem: str) -> None:
        """Say what is wrong with the value; nothing takes the words away."""
        if problem == self.problem:
            return
        self.problem = problem
        words = self.query_one(".field-problem", Static)
        words.update(f"↑ {problem}" if problem else "")
        words.display = bool(problem)


def picker(
    choices: Iterable[str], value: str, id: str | None = None, words: Mapping[str, str] | None = None
) -> Select[str]:
    """A drop-down of words; ``words`` says how a choice is shown where that is another word."""
    return Select(prompts(choices, words), value=value, allow_blank=False, compact=True, id=id)


def prompts(choices: Iterable[str], words: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """What a drop-down shows for each choice, with the choice."""
    shown = words or {}
    return [(shown.get(choice, choice), choice) for choice in choices]


def field_of(control: Widget) -> Field:
    """The line of a form that a control belongs to."""
    return next(parent for parent in control.ancestors if isinstance(parent, Field))
