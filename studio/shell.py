"""What every screen stands in: settings, the table of actions, errors that end nothing, the machine around."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from textual import work
from textual.actions import ActionParseResult
from textual.await_remove import AwaitRemove
from textual.binding import BindingType
from textual.command import Provider
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import Worker, WorkerState

from ddpm.spelling import hint
from studio import messages
from studio.actions import EVERYWHERE, bindings
from studio.ascii_only import AsciiOnly
from studio.error_report import ErrorReport, report_of
from studio.folder_window import open_folder
from studio.garbage import LOOK_SECONDS, collect_if_idle
from studio.keymap import keymap_of
from studio.keys_in_turn import KeysInTurn
from studio.screens.base import StudioScreen
from studio.screens.dialogs import Help
from studio.screens.error_panel import ErrorPanel
from studio.screens.window import StudioWindow
from studio.settings import Settings, settings_path
from studio.themes import STUDIO_THEME, variables
from studio.workshop import Workshop


def commands() -> type[Provider]:
    """What the command palette offers; imported when it is opened."""
    from studio.palette import StudioCommands

    return StudioCommands


class Shell(KeysInTurn):
    """An app that knows how to be set, helped and mended, and nothing of what its screens are for."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("everywhere")
    COMMANDS: ClassVar[set[Callable[[], type[Provider]]]] = {commands}  # type: ignore[assignment]

    def __init__(
        self, workshop: Workshop, settings: Settings, warning: str, trouble: ErrorReport | None
    ) -> None:
        """``warning`` and ``trouble`` are shown when it opens."""
        super().__init__()
        self.workshop = workshop
        self.keys = keymap_of(settings.keymap)
        self.fault: Exception | None = None  # what has ended the app, where its user has not
        self.trouble = trouble
        self._warnings = [warning] if warning else []
        self.register_theme(STUDIO_THEME)
        self._obey(settings)

    def _obey(self, settings: Settings) -> None:
        self.theme = "studio"
        theme = settings.theme
        if self.get_theme(theme):
            self.theme = theme
        else:
            self._warnings.append(
                f"There is no theme {theme}.{hint(theme, self.available_themes)} There are "
                f"{', '.join(sorted(self.available_themes))}."
            )
        self.set_class(settings.ascii, "-ascii")
        self._own_filters = [AsciiOnly()] if settings.ascii else []
        if not settings.animations:
            self.animation_level = "none"
        self.set_keymap(dict(self.keys.own))
        if self.keys.problems:
            self._warnings.append(
                "Of your own keys some are not used: " + "; ".join(self.keys.problems) + "."
            )

    def on_mount(self) -> None:
        self.set_interval(LOOK_SECONDS, lambda: collect_if_idle(self.seconds_without_key))

    def _prune(self, *nodes: Widget, parent: DOMNode | None = None) -> AwaitRemove:
        # The screen below one that goes is drawn as it comes back. Textual would lay it out and draw it once more when
        # the other is gone.
        only_screens = all(isinstance(node, Screen) for node in nodes)
        return super()._prune(*nodes, parent=None if only_screens else parent)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variables(self.current_theme)

    def refresh_css(self, animate: bool = True) -> None:
        # The theme is set before there is anything to style: the style sheets would be read for that alone.
        if self.screen_stack:
            super().refresh_css(animate)
        else:
            self.stylesheet.set_variables(self.get_css_variables())

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), *self._own_filters]

    def tell_first_words(self) -> None:
        """What was to be told before there was a screen to tell it on."""
        for warning in self._warnings:
            self.notify(warning, severity="warning", timeout=10, markup=False)
        if self.trouble:
            self.action_show_trouble()

    def take_theme(self, name: str) -> None:
        """Change the colours until the app is left, and say how to keep them."""
        self.theme = name
        self.notify(f'To keep it, write theme = "{name}" into {settings_path()}', markup=False)

    def action_help(self) -> None:
        if isinstance(self.screen, StudioScreen | StudioWindow):
            self.push_screen(Help(self.screen.place, self.keys))

    def action_command_palette(self) -> None:
        from studio.palette import Palette

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    # What went wrong

    def on_trouble(self, message: messages.Trouble) -> None:
        self.complain(message.error)

    def complain(self, error: BaseException) -> None:
        """Show an error until it has been read."""
        self.trouble = report_of(error, self._where)
        if isinstance(self.screen, ErrorPanel):
            self.notify(self.trouble.what, severity="error", timeout=10, markup=False)
        else:
            self.action_show_trouble()

    @property
    def _where(self) -> str:
        places = [screen.place for screen in self.screen_stack if isinstance(screen, StudioScreen)]
        return " > ".join(places) or "no screen"

    def on_quiet_trouble(self, message: messages.QuietTrouble) -> None:
        self.trouble = report_of(message.error, self._where)
        self.notify(
            f"{self.trouble.what}\nPress E for the details.",
            title="This did not work",
            severity="error",
            timeout=10,
            markup=False,
        )

    def action_show_trouble(self) -> None:
        if self.trouble and not isinstance(self.screen, ErrorPanel):
            self.push_screen(ErrorPanel(self.trouble))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        # Workers of the app are started with exit_on_error=False: a run may be training.
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.complain(event.worker.error)

    async def run_action(
        self,
        action: "str | ActionParseResult",
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Whatever a key does, an error in it does not end the app."""
        try:
            return await super().run_action(action, default_namespace, namespaces)
        except Exception as error:
            self.complain(error)
            return True

    def _handle_exception(self, error: Exception) -> None:
        # Textual ends the app after any other error and has no public place to learn which one it was.
        self.fault = self.fault or error
        super()._handle_exception(error)

    # The machine around

    def copy_to_clipboard(self, text: str) -> None:
        super().copy_to_clipboard(text)
        self.notify(
            f"{len(text):,} characters sent to the clipboard. Whether it takes them is for the terminal to say; tmux "
            "needs `set -g set-clipboard on`.",
            markup=False,
        )

    def action_help_quit(self) -> None:
        leave = next(action for action in EVERYWHERE if action.id == "leave")
        self.notify(f"Press {self.keys.label(leave)} to leave the app.", markup=False)

    @work(group="folder", exclusive=True, exit_on_error=False)
    async def action_open_folder(self) -> None:
        chosen = self.screen.chosen_run if isinstance(self.screen, StudioScreen) else None
        path = chosen.path if chosen else self.workshop.runs_root
        if reason := await asyncio.to_thread(open_folder, path):
            self.copy_to_clipboard(str(path))
            self.notify(
                f"{path}\nIt cannot be shown in a window: {reason}.",
                title="The folder",
                severity="warning",
                timeout=10,
                markup=False,
            )
        else:
            self.notify(str(path), title="Opened", markup=False)
