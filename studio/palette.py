"""The commands of the palette: every action that would work now, every run, every theme."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual import actions as action_words
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode

from ddpm.errors import DDPMError
from studio import messages
from studio.action import PARTS, Action, Place
from studio.actions import ACTIONS
from studio.run_state import ALIVE, LOOKS
from studio.run_summaries import RunSummaries, RunSummary
from studio.screens.base import StudioScreen
from studio.screens.window import StudioWindow, Window

if TYPE_CHECKING:
    from studio.shell import Shell

# The widgets, by their CSS type, of the parts of screens that have actions.
WIDGETS: dict[Place, str] = {"plot": "Plot", "drawings": "DrawingsList"}
MOST_RUNS_UNASKED = 5
AWAY = 0.5  # what a match is worth that has nothing to do with the screen one is on


@dataclass(frozen=True)
class Command:
    """A line of the palette; ``weight`` orders lines that match what was typed equally well."""

    words: str
    help: str
    run: Callable[[], Any]
    weight: float = 1.0
    unasked: bool = True


class Palette(CommandPalette, Window[None]):
    """Textual's own, over a screen that is toned down as behind every window."""


class StudioCommands(Provider):
    """Gathers the commands once, when the palette opens."""

    async def startup(self) -> None:
        self._commands = [*self._actions(), *await self._runs(), *self._themes(), self._picture()]

    async def discover(self) -> Hits:
        for command in self._commands:
            if command.unasked:
                yield DiscoveryHit(command.words, command.run, help=command.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self._commands:
            if score := matcher.match(command.words):
                shown = matcher.highlight(command.words)
                yield Hit(score * command.weight, shown, command.run, help=command.help)

    @property
    def _shell(self) -> "Shell":
        return cast("Shell", self.app)

    def _actions(self) -> Iterator[Command]:
        if not isinstance(self.screen, StudioScreen | StudioWindow):
            return
        place = self.screen.place
        for wanted in (place, *PARTS.get(place, ()), "everywhere"):
            node = self._node(wanted)
            for action in dict.fromkeys(action for action in ACTIONS if action.place == wanted):
                if node is not None and self._works(action, node):
                    yield Command(
                        f"{action.label}  ({self._shell.keys.label(action)})",
                        action.help,
                        partial(self.app.run_action, action.id, node),
                    )

    def _node(self, place: Place) -> DOMNode | None:
        if place == "everywhere":
            return self.app
        if place in WIDGETS:
            return next(iter(self.screen.query(WIDGETS[place])), None)
        return self.screen

    def _works(self, action: Action, node: DOMNode) -> bool:
        namespace, name, parameters = action_words.parse(action.id)
        target = self.app if namespace == "app" else node
        return bool(target.check_action(name, parameters))

    async def _runs(self) -> list[Command]:
        summaries = RunSummaries(self._shell.workshop.runs_root)
        try:
            found = await asyncio.to_thread(summaries.read)
        except DDPMError:
            return []  # the list of runs tells it
        newest = sorted(found, key=lambda summary: -summary.changed)
        return [self._open(summary, at < MOST_RUNS_UNASKED) for at, summary in enumerate(newest)]

    def _open(self, summary: RunSummary, unasked: bool) -> Command:
        elsewhere = summary.state in ALIVE and not self._shell.workshop.runner.trains(summary.run)
        verb = "Attach to" if elsewhere else "Open run"
        look = LOOKS[summary.state]
        told = f"{look.glyph} {look.word}, step {summary.step:,} of {summary.steps:,}"
        show = partial(self.app.post_message, messages.OpenMonitor(summary.run))
        return Command(f"{verb} {summary.name}", told, show, AWAY, unasked)

    def _themes(self) -> Iterator[Command]:
        yield Command("Change theme …", "Look at the colours that there are, and take some.", self._choose)
        for name in sorted(self.app.available_themes):
            take = partial(self._shell.take_theme, name)
            yield Command(f"Theme {name}", "Change the colours of the app.", take, AWAY, unasked=False)

    def _choose(self) -> None:
        self.app.search_themes()

    def _picture(self) -> Command:
        # A moment later, so that the palette is not in the picture.
        take = partial(self.app.set_timer, 0.1, self.app.deliver_screenshot)
        return Command("Save a picture of the screen", "Write the screen as it is now to an SVG file.", take)
