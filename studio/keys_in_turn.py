"""Keys are handled one after the other: a key that was typed fast goes to where the one before it has led.

Textual hands every key to the widget that has the focus then. A tab, though, goes from widget to widget up to the app
before it moves the focus, so that a letter behind it would overtake it and be typed into the field that was left.
"""

import time
from collections import deque

from textual import events
from textual.app import App
from textual.message import Message
from textual.timer import Timer

# What a key does may send messages that lead to others: what an option of a drop-down opens is three away.
LAPS = 3
LONGEST_SECONDS = 0.5


class KeyPassed(Message):
    """Follows a key from widget to widget: when it gets to the app, the key has been there."""

    def __init__(self, number: int) -> None:
        """``number``: of the key."""
        super().__init__()
        self.number = number


class KeysInTurn(App[None]):
    """An app in which a key waits until the key before it has been handled, with all that came of that."""

    def __init__(self) -> None:
        super().__init__()
        self._held_back: deque[events.Key | events.Paste] = deque()
        self._key_number = 0
        self._laps_left = 0
        self._handed_out_at = 0.0
        self._impatience: Timer | None = None

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
        elif self._held_back or self._is_key_under_way:
            self._held_back.append(event)
            self._impatience = self._impatience or self.set_interval(LONGEST_SECONDS, self._wait_no_longer)
        else:
            await self._hand_out(event)

    @property
    def seconds_without_key(self) -> float:
        """How long ago the last key was handed out."""
        return time.monotonic() - self._handed_out_at

    @property
    def _is_key_under_way(self) -> bool:
        """Not for ever: a key may be at a widget that is busy, or have left with one that was removed."""
        is_new = self.seconds_without_key < LONGEST_SECONDS
        return self._laps_left > 0 and (is_new or not self.screen.is_mounted)

    async def _hand_out(self, event: events.Event) -> None:
        self._key_number += 1
        self._laps_left, self._handed_out_at = LAPS, time.monotonic()
        receiver = self.focused or self.screen
        await super().on_event(event)
        if not receiver.post_message(KeyPassed(self._key_number)):
            self._follow()

    def _follow(self) -> None:
        (self.focused or self.screen).post_message(KeyPassed(self._key_number))

    async def on_key_passed(self, message: KeyPassed) -> None:
        if message.number == self._key_number and self.screen_stack:  # there is none at the very end
            self._laps_left -= 1
            if self._laps_left:
                self._follow()
            else:
                await self._hand_out_next()

    async def _hand_out_next(self) -> None:
        if self._held_back:
            await self._hand_out(self._held_back.popleft())
        elif self._impatience is not None:
            self._impatience.stop()
            self._impatience = None

    async def _wait_no_longer(self) -> None:
        if not self._is_key_under_way:
            await self._hand_out_next()
