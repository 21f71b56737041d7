"""How work that takes long tells how far it is, and how who waits for it ends it."""

from collections.abc import Callable

Told = Callable[[int, int], None]
"""Called with how much is done, and of how much: bytes, files or steps.

An exception that it raises ends the work, which then leaves nothing half written.
"""

Progress = Callable[[str, int, int], None]
"""The same of work in parts: called with what is being done, how much of it is done, and of how much (0: unknown)."""


def untold(_done: int, _total: int) -> None:
    """A Told for who does not want to know."""


def say_nothing(_what: str, _done: int, _total: int) -> None:
    """A Progress for who does not want to know."""


def told_after(told: Told, before: int, total: int) -> Told:
    """A Told for a part of some work of which ``before`` is done already, of ``total``."""
    return lambda done, _total: told(min(before + done, total), total)
