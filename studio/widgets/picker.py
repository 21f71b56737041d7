"""A word out of several, picked from a list that is there only while one picks."""

from collections.abc import Iterable, Mapping

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import OptionList

_TYPED_TOGETHER = 0.7  # seconds: letters typed faster are the beginning of one word


class PickerList(OptionList, can_focus=False):
    """What there is to pick. The keys go to its picker, so that none is lost while it comes."""

    def on_show(self) -> None:
        # Not earlier: to ask where it is before it has a place makes Textual take it for painted.
        self.scroll_to_highlight()


class Picker(Widget, can_focus=True):
    """One line, and one widget while it is closed: Textual's own has six, which a form of many feels."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Picker {
        height: 1; width: 1fr; background: $surface; color: $foreground;
        pointer: pointer; text-wrap: nowrap;
        &:focus { background-tint: $foreground 5%; }
        & > PickerList {
            overlay: screen; constrain: none inside; margin-top: 1;
            width: 1fr; height: auto; max-height: 12;
            background: $surface;
            & > .option-list--option { padding: 0 1; }
        }
    }
    """

    value: reactive[str] = reactive("", init=False)

    class Changed(Message):
        """Another value was picked, or put in."""

        def __init__(self, picker: "Picker", value: str) -> None:
            super().__init__()
            self.picker, self.value = picker, value

        @property
        def control(self) -> "Picker":
            return self.picker

    def __init__(
        self,
        choices: Iterable[str],
        value: str,
        *,
        id: str | None = None,
        words: Mapping[str, str] | None = None,
    ) -> None:
        """``words`` says how a choice is shown where that is another word."""
        super().__init__(id=id)
        self._take(choices, words)
        self.set_reactive(Picker.value, self.validate_value(value))
        self._highlighted: int | None = None  # while it is open
        self._typed, self._typed_at = "", 0.0

    def _take(self, choices: Iterable[str], words: Mapping[str, str] | None) -> None:
        self.choices = tuple(choices)
        self._words = [(words or {}).get(choice, choice) for choice in self.choices]

    def offer(self, choices: Iterable[str], words: Mapping[str, str] | None = None) -> None:
        """Give it other choices, without telling anyone: the first, where what was picked is not among them."""
        self._take(choices, words)
        self.close()
        with self.prevent(self.Changed):
            self.value = self.value if self.value in self.choices else self.choices[0]
        self.refresh()

    def validate_value(self, value: str) -> str:
        """Raises ValueError for what is not among the choices."""
        if value not in self.choices:
            raise ValueError(f"{value!r} cannot be picked: there are {', '.join(self.choices)}")
        return value

    def watch_value(self, value: str) -> None:
        self.post_message(self.Changed(self, value))

    def render(self) -> Content:
        words = Content(self._words[self.choices.index(self.value)])
        room = max(1, self.size.width - 3)
        arrow = "▲" if self.is_open else "▼"
        return Content.assemble(
            words.truncate(room, ellipsis=True, pad=True), " ", (arrow, "$foreground 50%")
        )

    # The list

    @property
    def is_open(self) -> bool:
        """Whether its list is shown."""
        return self._highlighted is not None

    def open(self) -> None:
        """Show what there is to pick."""
        self.mount(PickerList(*(Content(words) for words in self._words), compact=True))
        self._highlight(self.choices.index(self.value))
        self._typed = ""
        self.refresh()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()

    def close(self) -> None:
        """Take the list away; what was picked stays."""
        if self.is_open:
            self._highlighted = None
            self.query(PickerList).remove()
            self.refresh()

    def _highlight(self, index: int) -> None:
        self._highlighted = index % len(self.choices)
        for shown in self.query(PickerList):
            shown.highlighted = self._highlighted

    def _pick(self, index: int) -> None:
        self.close()
        self.value = self.choices[index]

    def on_blur(self) -> None:
        self.close()

    def on_click(self, event: events.Click) -> None:
        if event.widget is not self:
            return
        if self.is_open:
            self.close()
        else:
            self.open()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._pick(event.option_index)

    # Keys

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return self.is_open and character is not None and character.isprintable()

    # Not by bindings, which Textual looks up so late that keys typed fast would overtake them.
    def on_key(self, event: events.Key) -> None:
        if self._highlighted is not None:
            is_taken = self._use_list(event, self._highlighted)
        elif is_taken := event.key in ("enter", "space", "up", "down"):
            self.open()
        if is_taken:
            event.stop()
            event.prevent_default()

    def _use_list(self, event: events.Key, at: int) -> bool:
        """Do what a key means in the list, whose choice number ``at`` is highlighted; False where it means nothing."""
        last = len(self.choices) - 1
        moves = {"up": at - 1, "down": at + 1, "home": 0, "end": last}
        moves |= {"pageup": max(0, at - 10), "pagedown": min(last, at + 10)}
        if event.key in ("enter", "space"):
            self._pick(at)
        elif event.key == "escape":
            self.close()
        elif event.key in moves:
            self._highlight(moves[event.key])
        elif event.is_printable and event.character:
            self._search(event.character, event.time)
        else:
            return False
        return True

    def _search(self, character: str, at: float) -> None:
        """Go to the choice that begins with what is being typed, or else has it in it."""
        before = self._typed if at - self._typed_at < _TYPED_TOGETHER else ""
        self._typed, self._typed_at = before + character.lower(), at
        places = [words.lower().find(self._typed) for words in self._words]
        if found := [place for place in places if place >= 0]:
            self._highlight(places.index(min(found)))
