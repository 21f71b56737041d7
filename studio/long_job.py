"""Work that takes long, in a thread of its own: how far it is, and a way to end it. Knows no screen."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from ddpm.progress import Progress, Told
from studio import figures

Result = TypeVar("Result")


class GivenUpError(Exception):
    """Whoever waited for some work wants no more of it. Work that is told of its progress ends with this."""


class LongJob(Generic[Result]):
    """Does ``work`` once it is started; asked to end, it does so when it next tells how far it is.

    ``work`` is called with a Progress: what it does now, and how much of that is done, of how much.
    """

    def __init__(
        self, work: Callable[[Progress], Result], show: Callable[[int], str] = figures.count
    ) -> None:
        """``show``: how amounts are written, such as figures.size for bytes."""
        self._work, self._show = work, show
        self._task: asyncio.Task[Result] | None = None
        self._is_given_up = False
        self._at: tuple[str, int, int] = ("", 0, 0)

    def start(self) -> None:
        """Begin, in a thread."""
        self._task = asyncio.create_task(asyncio.to_thread(self._work, self._tell))
        # Whoever waited may have left: then nobody asks for the result.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    def give_up(self) -> None:
        """Ask it to end; what it has begun is taken back where it can be."""
        self._is_given_up = True

    @property
    def is_given_up(self) -> bool:
        """Whether it was asked to end."""
        return self._is_given_up

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._task is not None and self._task.done()

    async def over(self) -> None:
        """Wait for its end."""
        assert self._task is not None, "it was not started"
        await asyncio.wait([self._task])

    async def over_within(self, seconds: float) -> bool:
        """Wait for its end, but no longer than this; whether it has come."""
        assert self._task is not None, "it was not started"
        await asyncio.wait([self._task], timeout=seconds)
        return self._task.done()

    def result(self) -> Result:
        """What the work returned. Raises what it raised, GivenUpError where it was ended."""
        assert self._task is not None, "it was not started"
        return self._task.result()

    @property
    def share(self) -> float | None:
        """How much of what it does now is done, from 0 to 1; None where nobody knows."""
        _, done, total = self._at
        return min(1.0, done / total) if total else None

    @property
    def words(self) -> str:
        """What it does now, and how much of that is done."""
        what, done, total = self._at
        if not total:
            return f"{what} …" if what else ""
        return f"{what} {self._show(done)} of {self._show(total)}"

    def _tell(self, what: str, done: int, total: int) -> None:
        if self._is_given_up:
            raise GivenUpError
        self._at = (what, done, total)


def told_as(progress: Progress, what: str) -> Told:
    """How work that does not know what it is called tells of itself."""
    return partial(progress, what)
