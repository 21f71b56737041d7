"""Every key of the app in one table. Bindings, footers, help and command palette are all made from it."""

from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType

Place = Literal[
    "everywhere",
    "runs",
    "new run",
    "monitor",
    "checkpoints",
    "sample",
    "plot",
    "schedule",
    "compare",
    "samples",
]
# Parts of screens that have keys of their own, which work while they have the focus.
PARTS: dict[Place, tuple[Place, ...]] = {"monitor": ("plot", "samples"), "compare": ("plot",)}


@dataclass(frozen=True)
class Action:
    """A key, the action it runs on its screen, a label for the footer and a sentence for the help screen.

    ``name``: what the user's own keys call it, where it is not called as the action is.
    """

    place: Place
    id: str
    key: str
    label: str
    help: str
    in_footer: bool = True
    key_label: str | None = None
    name: str = ""

    @property
    def path(self) -> tuple[str, str]:
        """The table of the user's own keys that it is in, and its name there."""
        return self.place.replace(" ", "_"), self.name or self.id.removeprefix("app.")

    @property
    def binding_id(self) -> str:
        """What Textual's keymap calls it. Actions of one name share their key."""
        return ".".join(self.path)


ACTIONS: tuple[Action, ...] = (
    Action("runs", "open", "enter", "Open", "Open the monitor of the chosen run.", in_footer=False),
    Action("runs", "new", "n", "New", "Choose data, model and length of a new run."),
    Action(
        "runs",
        "train_digits",
        "t",
        "Digits",
        "Train on the embedded handwritten digits at once.",
        in_footer=False,
    ),
    Action("runs", "resume", "r", "Resume", "Go on from the newest whole checkpoint."),
    Action("runs", "checkpoints", "c", "Checkpoints", "List the checkpoints of the chosen run."),
    Action("runs", "sample", "s", "Sample", "Draw images from the chosen run."),
    Action(
        "runs",
        "filter",
        "slash",
        "Filter",
        "Show some runs only: words, globs, name: state: data: tag:, a minus for those that are not so.",
        key_label="/",
    ),
    Action("runs", "clear_filter", "escape", "All runs", "Take the filter away.", key_label="esc"),
    Action("runs", "order", "o", "Order", "Another order: newest, name, loss, step.", in_footer=False),
    Action(
        "runs", "mark", "space", "Mark", "Mark the chosen run for comparison, or unmark it.", key_label="spc"
    ),
    Action(
        "runs", "compare", "C", "Compare", "Compare the marked runs, two to eight of them.", in_footer=False
    ),
    Action("runs", "tag", "T", "Tags", "Put tags on the chosen run, to filter by.", in_footer=False),
    Action(
        "runs", "clone", "N", "Clone", "Make a new run from the recipe of the chosen one.", in_footer=False
    ),
    Action("runs", "rename", "R", "Rename", "Give the chosen run another name.", in_footer=False),
    Action(
        "runs",
        "toggle_samples",
        "p",
        "Samples",
        "Show or hide the newest samples of the run.",
        in_footer=False,
    ),
    Action(
        "runs",
        "schedule",
        "f",
        "Noise",
        "See how the chosen run's schedule turns images into noise.",
        in_footer=False,
    ),
    Action("runs", "delete", "x", "Delete", "Delete the chosen run for good, after asking.", in_footer=False),
    Action("new run", "start", "ctrl+s", "Start", "Make the run and start training it."),
    Action("new run", "schedule", "ctrl+t", "Noise", "See what the chosen schedule does to the images."),
    Action(
        "new run",
        "measure",
        "ctrl+r",
        "Time it",
        "Measure some steps: how long training takes. Again ends it.",
    ),
    Action(
        "new run", "save_preset", "ctrl+g", "Save preset", "Keep these values as a preset of your own.", False
    ),
    Action(
        "new run",
        "show_command",
        "ctrl+l",
        "Command",
        "Show the recipe as a command and as TOML.",
    ),
    Action("new run", "unfold", "ctrl+o", "All fields", "Show every field of the recipe, or the usual ones."),
    Action("new run", "app.back", "escape", "Back", "Go back without making a run."),
    Action("monitor", "pause", "p", "Pause", "Pause training; the network stays in memory."),
    Action(
        "monitor",
        "go_on",
        "p",
        "Go on",
        "Go on with paused training.",
        name="pause",
    ),
    Action("monitor", "preview", "v", "Preview", "Draw the preview samples now."),
    Action("monitor", "checkpoint", "k", "Save", "Write a checkpoint now."),
    Action("monitor", "stop", "S", "Stop", "Stop training with a checkpoint, after asking."),
    Action(
        "monitor",
        "detach",
        "d",
        "Detach",
        "Leave the app while training goes on, in a background process.",
        in_footer=False,
    ),
    Action(
        "monitor",
        "change_learning_rate",
        "L",
        "Learning rate",
        "Go on with another highest learning rate.",
        in_footer=False,
    ),
    Action(
        "monitor",
        "change_preview_interval",
        "V",
        "Preview interval",
        "Draw samples more often, more rarely or not at all.",
        in_footer=False,
    ),
    Action("monitor", "note", "n", "Note", "Write words into the log, marked on the curve.", in_footer=False),
    Action(
        "monitor",
        "next_log_level",
        "w",
        "Log level",
        "Log everything, warnings and errors, or errors.",
        False,
    ),
    Action("monitor", "resume", "r", "Resume", "Go on from the newest whole checkpoint."),
    Action("monitor", "checkpoints", "c", "Checkpoints", "List the checkpoints of this run."),
    Action("monitor", "sample", "s", "Sample", "Draw images from this run."),
    Action("monitor", "log_axis", "l", "Log y", "Plot on a logarithmic or a linear axis.", False),
    Action("monitor", "next_unit", "x", "x axis", "Plot over steps, images or minutes.", False),
    Action(
        "monitor",
        "next_quantity",
        "y",
        "y axis",
        "Plot loss, gradient norm, learning rate or images/s.",
        False,
    ),
    Action(
        "monitor", "step(-1)", "left_square_bracket", "Earlier", "Earlier samples.", False, "[", "earlier"
    ),
    Action(
        "monitor",
        "step(1)",
        "right_square_bracket",
        "Later",
        "Later samples; after the last one the latest are followed.",
        False,
        "]",
        "later",
    ),
    Action("monitor", "full_samples", "f", "Full size", "Samples on the whole screen, and back.", False),
    Action(
        "monitor",
        "other_weights",
        "e",
        "EMA/raw",
        "Samples of the averaged weights, or of the raw ones.",
        False,
    ),
    Action(
        "monitor", "toggle_panel('plot')", "1", "Plot", "Show or hide the plot.", False, name="toggle_plot"
    ),
    Action(
        "monitor",
        "toggle_panel('samples')",
        "2",
        "Samples",
        "Show or hide the samples.",
        False,
        name="toggle_samples",
    ),
    Action(
        "monitor",
        "toggle_panel('system')",
        "3",
        "System",
        "Show or hide the figures of the machine.",
        False,
        name="toggle_system",
    ),
    Action("monitor", "toggle_panel('log')", "4", "Log", "Show or hide the log.", False, name="toggle_log"),
    Action(
        "monitor", "widen_side(1)", "less_than_sign", "Wider", "A wider right column.", False, "<", "wider"
    ),
    Action(
        "monitor",
        "widen_side(-1)",
        "greater_than_sign",
        "Narrower",
        "A narrower right column.",
        False,
        ">",
        "narrower",
    ),
    Action(
        "monitor",
        "heighten_log(1)",
        "left_curly_bracket",
        "Higher log",
        "A higher log.",
        False,
        "{",
        "higher_log",
    ),
    Action(
        "monitor",
        "heighten_log(-1)",
        "right_curly_bracket",
        "Lower log",
        "A lower log.",
        False,
        "}",
        "lower_log",
    ),
    Action(
        "monitor",
        "go_back",
        "escape",
        "Back",
        "Back to the screen before; training goes on.",
        key_label="esc",
    ),
    Action("checkpoints", "resume", "r", "Resume", "Train on from the chosen checkpoint."),
    Action(
        "checkpoints",
        "resume",
        "enter",
        "Resume",
        "Train on from the chosen checkpoint.",
        in_footer=False,
        name="resume_here",
    ),
    Action("checkpoints", "branch", "b", "Branch", "Make a new run that begins at the chosen checkpoint."),
    Action("checkpoints", "sample", "s", "Sample", "Draw images with the chosen checkpoint."),
    Action(
        "checkpoints", "export", "e", "Export", "Write the chosen checkpoint for diffusers, or as one file."
    ),
    Action("checkpoints", "keep", "k", "Keep", "Keep the chosen checkpoint for ever, or no longer."),
    Action(
        "checkpoints",
        "verify",
        "V",
        "Verify",
        "Read every file again and compare it with its hash.",
        in_footer=False,
    ),
    Action("checkpoints", "delete", "x", "Delete", "Delete the chosen checkpoint for good, after asking."),
    Action(
        "checkpoints",
        "prune",
        "P",
        "Prune",
        "Delete the checkpoints that the recipe no longer keeps, after asking.",
        in_footer=False,
    ),
    Action(
        "checkpoints",
        "toggle_samples",
        "p",
        "Samples",
        "Show or hide the samples drawn at the chosen step, or last before it.",
        in_footer=False,
    ),
    Action("checkpoints", "app.back", "escape", "Back", "Back to the screen before."),
    Action("sample", "draw", "ctrl+s", "Draw", "Draw images; again draws them anew."),
    Action("sample", "stop", "x", "Stop", "Stop drawing and keep what is on screen."),
    Action("sample", "toggle_estimate", "o", "x_t/x_0", "Show the noisy images x_t or the estimates of x_0."),
    Action(
        "sample", "step(-1)", "left", "Step", "Back by one denoising step.", key_label="←", name="earlier"
    ),
    Action("sample", "step(1)", "right", "Step", "Forth by one denoising step.", False, "→", name="later"),
    Action("sample", "go(0)", "home", "First", "The first denoising step.", False, name="first"),
    Action(
        "sample",
        "go(1)",
        "end",
        "Latest",
        "The latest denoising step; follow those that come.",
        False,
        name="latest",
    ),
    Action(
        "sample",
        "write",
        "w",
        "Save",
        "Save the drawn images as PNG, and their recipe, in the run's samples folder.",
    ),
    Action(
        "sample", "write_gif", "G", "GIF", "Save the images, and the denoising as a GIF of what is shown."
    ),
    Action("sample", "attention", "t", "Attention", "See where the network looks at the step shown.", False),
    Action("sample", "gallery", "g", "Gallery", "See what was saved, and open it with its recipe."),
    Action("sample", "app.back", "escape", "Back", "Back to the screen before."),
    Action("plot", "zoom_in", "plus,equals_sign", "Zoom in", "Zoom in on the plot.", False, "+"),
    Action("plot", "zoom_out", "minus", "Zoom out", "Zoom out of the plot.", False, "-"),
    Action("plot", "show_everything", "0", "All", "Show the whole run and put the cursor away.", False),
    Action("plot", "inspect_left", "left", "Inspect", "Read off values: the cursor goes left.", False, "←"),
    Action(
        "plot", "inspect_right", "right", "Inspect", "Read off values: the cursor goes right.", False, "→"
    ),
    Action(
        "plot", "pan_left", "shift+left,comma", "Pan", "Move the zoomed plot to the left.", False, "shift ← ,"
    ),
    Action(
        "plot",
        "pan_right",
        "shift+right,full_stop",
        "Pan",
        "Move the zoomed plot to the right.",
        False,
        "shift → .",
    ),
    Action("plot", "show_start", "home", "Start", "Move the zoomed plot to the first step.", False),
    Action("plot", "follow", "end", "Follow", "Move the zoomed plot to the latest step; follow it.", False),
    Action("samples", "step(-1)", "left", "Earlier", "In the samples: earlier ones.", False, "←", "earlier"),
    Action("samples", "step(1)", "right", "Later", "In the samples: later ones.", False, "→", "later"),
    Action("samples", "first", "home", "First", "In the samples: the first ones.", False),
    Action(
        "samples", "latest", "end", "Latest", "In the samples: the latest; follow those that come.", False
    ),
    Action(
        "schedule",
        "move(-1)",
        "left",
        "Less noise",
        "Go back by one timestep.",
        False,
        "←",
        name="less_noise",
    ),
    Action(
        "schedule", "move(1)", "right", "More noise", "Go on by one timestep.", False, "→", name="more_noise"
    ),
    Action(
        "schedule",
        "move(-1, True)",
        "shift+left",
        "Less noise",
        "Go back by a twentieth of the way.",
        False,
        "shift+←",
        name="much_less_noise",
    ),
    Action(
        "schedule",
        "move(1, True)",
        "shift+right",
        "More noise",
        "Go on by a twentieth of the way.",
        False,
        "shift+→",
        name="much_more_noise",
    ),
    Action(
        "schedule",
        "go(0)",
        "home",
        "Image",
        "Go to t = 0, the image with the least noise.",
        False,
        name="image",
    ),
    Action(
        "schedule",
        "go(1)",
        "end",
        "Noise",
        "Go to the last timestep.",
        False,
        name="noise",
    ),
    Action("schedule", "play", "space", "Play", "Let the noise come, from where t is; again stops it."),
    Action("schedule", "edit", "e", "Edit", "Change the schedules: their names, T and the ends of beta."),
    Action("schedule", "swap", "x", "Swap", "Exchange A and B: pictures follow A."),
    Action("schedule", "next_image", "i", "Image", "Take another image of the data set."),
    Action("schedule", "face", "v", "View", "Show the guesses at one t, or the image at several t."),
    Action("schedule", "reset", "r", "Reset", "Go back to the schedule of the recipe."),
    Action("schedule", "leave_form", "escape", "Back", "Out of the fields; then back to the screen before."),
    Action(
        "compare",
        "step(-1)",
        "left,left_square_bracket",
        "Earlier",
        "Samples of an earlier step.",
        True,
        "←",
        name="earlier",
    ),
    Action(
        "compare",
        "step(1)",
        "right,right_square_bracket",
        "Later",
        "Samples of a later step.",
        True,
        "→",
        name="later",
    ),
    Action("compare", "first", "home", "First", "The first samples.", False),
    Action("compare", "last", "end", "Latest", "The latest samples; follow those that come.", False),
    Action("compare", "turn", "v", "Recipes/samples", "Show what differs, or the samples."),
    Action("compare", "log_axis", "l", "Log y", "Plot on a logarithmic or a linear axis.", False),
    Action("compare", "next_unit", "x", "x axis", "Plot over steps, images or minutes.", False),
    Action(
        "compare", "next_quantity", "y", "y axis", "Plot loss, gradient norm, learning rate, images/s.", False
    ),
    Action("compare", "app.back", "escape", "Back", "Back to the list of runs."),
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
