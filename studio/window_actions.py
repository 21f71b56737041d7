"""The keys of the windows over the screens: what was saved, where the network looks, an export, a recipe, an error."""

from studio.action import Action

WINDOW_ACTIONS: tuple[Action, ...] = (
    Action(
        "gallery", "dismiss(None)", "escape", "Back", "Back to the drawing.", key_label="esc", name="back"
    ),
    Action("drawings", "select", "enter", "Open", "Show the chosen drawing, with its recipe in the form."),
    Action(
        "attention",
        "move(-1, 0)",
        "up",
        "Pixel",
        "Move the pixel whose look is shown, here and with the other arrows.",
        key_label="↑↓←→",
        name="up",
    ),
    Action("attention", "move(1, 0)", "down", "Pixel", "The pixel below.", False, "↓", "down"),
    Action("attention", "move(0, -1)", "left", "Pixel", "The pixel to the left.", False, "←", "left"),
    Action("attention", "move(0, 1)", "right", "Pixel", "The pixel to the right.", False, "→", "right"),
    Action("attention", "turn_layer", "l", "Layer", "The next layer that has attention."),
    Action("attention", "turn_head", "h", "Head", "The next head of the layer; after the last, their mean."),
    Action("attention", "toggle_mean", "m", "Mean/pixel", "The mean over all pixels, or one pixel's look."),
    Action("attention", "turn_image", "i", "Image", "The next image of the drawing."),
    Action(
        "attention", "dismiss(None)", "escape", "Back", "Back to the drawing.", key_label="esc", name="back"
    ),
    Action("export", "export", "ctrl+s", "Export", "Write the checkpoint to the place named."),
    Action(
        "export",
        "leave",
        "escape",
        "Cancel",
        "End what is being written; then close the window.",
        key_label="esc",
    ),
    Action("recipe", "copy_command", "c", "Copy command", "Send the command to the clipboard."),
    Action("recipe", "copy_recipe", "t", "Copy TOML", "Send the recipe to the clipboard."),
    Action("recipe", "write", "w", "Write file", "Write the recipe to a new file."),
    Action("recipe", "dismiss", "escape,q", "Close", "Back to the form.", key_label="esc", name="close"),
    Action("error", "copy", "c", "Copy details", "Send the details to the clipboard."),
    Action("error", "details", "d", "Details", "Show or hide the details."),
    Action(
        "error", "dismiss", "escape,q", "Close", "Close it; E shows it again.", key_label="esc", name="close"
    ),
    Action("error", "app.focus_next", "left,right", "Choose", "The next button.", False, "←→", "choose"),
)
