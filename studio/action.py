"""One key of the app: where it works, what it does, and the words for it."""

from dataclasses import dataclass
from typing import Literal

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
    "gallery",
    "drawings",
    "attention",
    "export",
    "recipe",
    "error",
]
# Parts of screens that have keys of their own, which work while they have the focus.
PARTS: dict[Place, tuple[Place, ...]] = {
    "monitor": ("plot", "samples"),
    "compare": ("plot",),
    "gallery": ("drawings",),
}
# Windows over the screens: of what works everywhere, only the help works there.
WINDOWS: tuple[Place, ...] = ("gallery", "drawings", "attention", "export", "recipe", "error")


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

    def works_beside(self, other: "Action") -> bool:
        """Whether both can be meant at the same time, so that they may not share a key."""
        places = {self.place, other.place}
        if "everywhere" in places and not places.isdisjoint(WINDOWS):
            return "help" in (self.id, other.id)
        return len(places) == 1 or "everywhere" in places

    @property
    def path(self) -> tuple[str, str]:
        """The table of the user's own keys that it is in, and its name there."""
        return self.place.replace(" ", "_"), self.name or self.id.removeprefix("app.")

    @property
    def binding_id(self) -> str:
        """What Textual's keymap calls it. Actions of one name share their key."""
        return ".".join(self.path)
