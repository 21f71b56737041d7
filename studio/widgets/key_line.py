"""The line at the bottom: the keys that work now."""

from typing import NamedTuple

from textual import events
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget


class _Key(NamedTuple):
    key: str
    shown: str
    label: str
    help: str
    works: bool

    @property
    def width(self) -> int:
        return len(self.shown) + 1 + len(self.label)


class KeyLine(Widget):
    """One widget, where Textual's footer makes one for each key, and anew whenever the focus moves.

    A click presses a key.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    KeyLine {
        dock: bottom; height: 1; background: $panel; text-wrap: nowrap;
        &.-on-key { pointer: pointer; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._keys: list[_Key] = []
        self._under_mouse: _Key | None = None

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._on_bindings)

    def _on_bindings(self, screen: Screen[object]) -> None:
        if screen is self.screen and self.app.app_focus:
            self.call_after_refresh(self._read)

    def _read(self) -> None:
        if not self.is_attached:
            return  # the screen was left meanwhile
        keys: dict[str, _Key] = {}  # an action with several keys is shown with its first
        for _, binding, works, tooltip in self.screen.active_bindings.values():
            if binding.show:
                shown = self.app.get_key_display(binding)
                keys.setdefault(binding.action, _Key(binding.key, shown, binding.description, tooltip, works))
        if list(keys.values()) != self._keys:
            self._keys = list(keys.values())
            self.refresh()

    def render(self) -> Content:
        return Content(" ").join(self._rendered(key) for key in self._keys)

    def _rendered(self, key: _Key) -> Content:
        dim = "" if key.works else " dim"
        key_style = f"bold $footer-key-foreground{dim}"
        line = Content.assemble(
            (key.shown, key_style), " ", (key.label, f"$footer-description-foreground{dim}")
        )
        return line.stylize("on $block-hover-background") if key is self._under_mouse else line

    def _key_at(self, x: int) -> _Key | None:
        for key in self._keys:
            if x < key.width:
                return key if x >= 0 else None
            x -= key.width + 1
        return None

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self._point_at(self._key_at(event.x))

    def on_leave(self) -> None:
        self._point_at(None)

    def _point_at(self, key: _Key | None) -> None:
        if key is not self._under_mouse:
            self._under_mouse = key
            self.tooltip = key.help if key else None
            self.set_class(key is not None, "-on-key")
            self.refresh()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        key = self._key_at(event.x)
        if key and key.works:
            self.app.simulate_key(key.key)
        elif key:
            self.app.bell()
