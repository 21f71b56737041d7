"""Every key of the app in one table. Bindings, footers, help and command palette are all made from it."""

from textual.binding import Binding, BindingType

from studio.action import Action, Place
from studio.looking_actions import LOOKING
from studio.training_actions import TRAINING

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

ACTIONS = (*TRAINING, *LOOKING, *EVERYWHERE)


def bindings(place: Place) -> list[BindingType]:
    """The bindings of a screen, or of the app for ``everywhere``."""
    return [
        Binding(
            action.key,
            action.id,
            action.label,
            show=action.in_footer,
            key_display=action.key_label,
            tooltip=action.help,
            priority=action.key.startswith("ctrl+"),
            id=action.binding_id,
        )
        for action in ACTIONS
        if action.place == place
    ]
