"""Which key does what: the keys of the table of actions, and the user's own in place of some of them."""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from textual.binding import Binding
from textual.keys import Keys, format_key

from ddpm.spelling import nearest
from studio.action import Action, Place
from studio.actions import ACTIONS, actions_at

MODIFIERS = {"ctrl", "shift", "alt", "super", "hyper", "meta"}
NAMED_KEYS = {key.value for key in Keys}


@dataclass(frozen=True)
class Keymap:
    """``own``: by binding id, the keys that a user has set; ``problems``: those that cannot be, in words."""

    own: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def keys(self, action: Action) -> list[str]:
        """The keys of an action, by Textual's names for them."""
        return _key_names(self.own.get(action.binding_id, action.key))

    def label(self, action: Action) -> str:
        """Its keys, as they are shown to a person."""
        if action.binding_id not in self.own and action.key_label:
            return action.key_label
        return " ".join(key_words(key) for key in self.keys(action))

    def help_rows(self, place: Place) -> list[tuple[str, str]]:
        """(key, what it does) of a screen, then of its parts and of the whole app."""
        return [(self.label(action), action.help) for action in actions_at(place)]


def keymap_of(wishes: Mapping[str, Mapping[str, str]]) -> Keymap:
    """The keymap of what a user has set, by place and name. What cannot be is left out, and told."""
    problems: list[str] = []
    own: dict[str, str] = {}
    for place, keys_of in wishes.items():
        for name, keys in keys_of.items():
            if problem := _problem(place, name, keys):
                problems.append(problem)
            else:
                own[f"{place}.{name}"] = ",".join(_key_names(keys))
    while clash := next(_clashes(Keymap(own)), None):
        action, other, key = clash
        problems.append(
            f"{key_words(key)} cannot be {action.binding_id}: it is {other.binding_id} already; give that another key"
        )
        del own[action.binding_id]
    return Keymap(own, tuple(problems))


def key_words(key: str) -> str:
    """A key as a person knows it: ? for question_mark, esc for escape."""
    *modifiers, last = key.split("+") if key != "+" else [key]
    return "+".join([*modifiers, last if last == "enter" else format_key(last)])


def reference(keymap: Keymap) -> str:
    """Every action with its key and what it does, as TOML that is commented out."""
    lines = []
    place = ""
    for action in ACTIONS:
        if action.path[0] != place:
            place = action.path[0]
            lines.append(f"\n# [keymap.{place}]")
        setting = f'{action.path[1]} = "{",".join(keymap.keys(action))}"'
        lines.append(f"# {setting:<36} # {action.help}")
    return "\n".join(lines) + "\n"


def _problem(place: str, name: str, keys: str) -> str:
    names = [action.path[1] for action in ACTIONS if action.path[0] == place]
    if not names:
        places = ", ".join(dict.fromkeys(action.path[0] for action in ACTIONS))
        return f"keymap.{place}: there is no such screen; there are {places}"
    if name not in names:
        near = nearest(name, names)
        return f"keymap.{place}.{name}: there is no such action" + (f"; did you mean {near}?" if near else "")
    for key in _key_names(keys) or [""]:
        *modifiers, last = key.split("+")
        if not (last and set(modifiers) <= MODIFIERS and _is_key(last)):
            return (
                f"keymap.{place}.{name}: {key!r} is no key; keys are written as n, N, ?, f5, ctrl+k or escape"
            )
        default = next(action.key for action in ACTIONS if action.path == (place, name))
        if default.startswith("ctrl+") and not modifiers and not _is_function(last):
            return (
                f"keymap.{place}.{name}: {key!r} would be typed into fields; it needs ctrl+ or a function key"
            )
    return ""


def _key_names(keys: str) -> list[str]:
    written = ",".join(key.strip() for key in keys.split(",") if key.strip())
    return [binding.key for binding in Binding.make_bindings([Binding(written, "")])] if written else []


def _is_key(name: str) -> bool:
    if len(name) == 1 or name in NAMED_KEYS:
        return True
    try:
        unicodedata.lookup(name.replace("_", " "))
    except KeyError:
        return format_key(name) != name
    return True


def _is_function(name: str) -> bool:
    return name[:1] == "f" and name[1:].isdigit()


def _clashes(keymap: Keymap) -> Iterator[tuple[Action, Action, str]]:
    """Actions with a key of the user's that something else of the same screen has as well."""
    for action in ACTIONS:
        if action.binding_id not in keymap.own:
            continue
        for other in ACTIONS:
            if action.works_beside(other) and other.binding_id != action.binding_id:
                shared = set(keymap.keys(action)) & set(keymap.keys(other))
                for key in sorted(shared):
                    yield action, other, key
