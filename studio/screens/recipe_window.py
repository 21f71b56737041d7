"""A recipe as the command line takes it: one command, or a file and the command that trains it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ddpm.config import Config
from ddpm.errors import ConfigError
from ddpm.files import replace_file
from ddpm.recipe_file import to_toml
from studio.action import Place
from studio.actions import window_bindings
from studio.recipe_form import file_command
from studio.screens.dialogs import Ask
from studio.screens.window import StudioWindow
from studio.widgets.key_line import KeyLine


class RecipeWindow(StudioWindow[None]):
    """Shows the command and the TOML of a recipe; copies either, and writes the file when asked to."""

    place: ClassVar[Place] = "recipe"
    BINDINGS: ClassVar[list[BindingType]] = window_bindings("recipe")

    def __init__(self, config: Config, command: str, name: str, options: Sequence[str]) -> None:
        """``command`` makes the same run without a file; ``options`` go at the end of the one with a file."""
        super().__init__()
        self._command, self._run_name, self._options = command, name, options
        self._toml = to_toml(config)
        self._file = f"{name or 'recipe'}.toml"
        self._is_written = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog recipe-window"):
            yield Static(Content.styled("The same run from a shell", "bold"))
            yield Static("", id="recipe-commands", markup=False)
            with VerticalScroll(id="recipe-scroll"):
                yield Static(self._toml, markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one("#recipe-scroll").focus()
        self._show()

    @property
    def _with_file(self) -> str:
        return file_command(self._file, self._run_name, self._options)

    def _show(self) -> None:
        self.query_one("#recipe-scroll").border_title = Content(self._file)
        there = (
            "with the file that was written:"
            if self._is_written
            else "or with this file, once w has written it:"
        )
        words = Content.assemble(
            (self._command, "$primary"), (f"\n{there}\n", "$muted"), (self._with_file, "$primary")
        )
        self.query_one("#recipe-commands", Static).update(words)

    def action_copy_command(self) -> None:
        self._copy(self._with_file if self._is_written else self._command, "The command")

    def action_copy_recipe(self) -> None:
        self._copy(self._toml, "The recipe")

    def _copy(self, text: str, what: str) -> None:
        self.app.copy_to_clipboard(text)
        # A terminal never answers: nobody can know whether it obeyed.
        self.notify(f"{what} was sent to the clipboard; some terminals do not let programs copy.")

    @work(group="write", exclusive=True, exit_on_error=False)
    async def action_write(self) -> None:
        suggested = str(Path.cwd() / self._file)
        given = await self.app.push_screen_wait(
            Ask("Write the recipe to …", "A new file, as TOML.", suggested, "Write", _check_path)
        )
        if given is None:
            return
        path = Path(given).expanduser()
        try:
            await asyncio.to_thread(replace_file, path, self._toml.encode())
        except OSError as error:
            self.notify(f"Cannot write {path}: {error.strerror}.", severity="error", markup=False)
            return
        if self.is_attached:
            self._file, self._is_written = str(path), True
            self._show()
            self.notify(f"Written: {path}", markup=False)


def _check_path(given: str) -> None:
    path = Path(given).expanduser()
    if not given or path.is_dir():
        raise ConfigError("Name the file to write.")
    if path.exists():
        raise ConfigError(f"{path} is there already; name another file.")
    if not path.parent.is_dir():
        raise ConfigError(f"There is no folder {path.parent}.")
