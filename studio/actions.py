"""Every key of the app in one table. Bindings, footers, help and command palette are all made from it."""

from textual.binding import Binding, BindingType

from studio.action import PARTS, WINDOWS, Action, Place
from studio.looking_actions import LOOKING
from studio.training_actions import TRAINING
from studio.window_actions import WINDOW_ACTIONS

EVERYWHERE: tuple[Action, ...] = (
    Action("everywhere", "help", "question_mark", "Help", "Show the keys of this screen.", key_label="?"),
    Action(
        "everywhere",
        "turn_pictures",
        "I",
        "Pictures",
        "Show pictures in another way: kitty, sixel, half cells, none.",
        in_footer=False,
    ),
    Action(
        "everywhere",
        "open_folder",
        "O",
        "Folder",
        "Open the folder of the run in a window, or copy its path where there can be none.",
        in_footer=False,
    ),
    Action(
        "everywhere",
        "show_trouble",
        "E",
        "Last error",
        "Show the last error again, with details to copy.",
        in_footer=False,
    ),
    Action("everywhere", "leave", "q", "Quit", "Leave the app; asks while it is training."),
    Action(
        "everywhere",
        "leave",
        "ctrl+q",
        "Quit",
        "Leave the app, also from inside a form.",
        in_footer=False,
        name="leave_forms",
    ),
)

ACTIONS = (*TRAINING, *LOOKING, *WINDOW_ACTIONS, *EVERYWHERE)


def bindings(place: Place) -> list[BindingType]:
    """The bindings of a screen, of a part of one, or of the app for ``everywhere``."""
    return [_binding(action, action.id) for action in ACTIONS if action.place == place]


def window_bindings(place: Place) -> list[BindingType]:
    """The bindings of a window, which keeps the keys of the app from working, all but the help."""
    shared = [_binding(action, f"app.{action.id}") for action in EVERYWHERE if action.id == "help"]
    return [*bindings(place), *shared]


def actions_at(place: Place) -> list[Action]:
    """What there is to do on a screen or in a window: first of its own, then in its parts, then in the whole app."""
    own = [action for part in (place, *PARTS.get(place, ())) for action in ACTIONS if action.place == part]
    return [*own, *(action for action in EVERYWHERE if action.id == "help" or place not in WINDOWS)]


def _binding(action: Action, does: str) -> Binding:
    return Binding(
        action.key,
        does,
        action.label,
        show=action.in_footer,
        key_display=action.key_label,
        tooltip=action.help,
        priority=action.key.startswith("ctrl+"),
        id=action.binding_id,
    )
