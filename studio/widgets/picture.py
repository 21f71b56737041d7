"""One picture, by whatever protocol the terminal has: encoded off this thread, within a budget of bytes."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import count
from random import randrange
from typing import TYPE_CHECKING

from rich.color import Color
from rich.segment import ControlType, Segment
from rich.style import Style
from textual import work
from textual.containers import Center
from textual.dom import NoScreen
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import Reactive
from textual.strip import Strip
from textual.widget import Widget
from textual.worker import Worker, WorkerState

from studio.picture_ladder import Rung, Scale
from studio.terminal import Pictures

if TYPE_CHECKING:
    from PIL import Image
    from rich.console import Console

    from studio.half_cells import HalfCells
    from studio.picture_code import PictureCode

# Draws an RGB picture of whole cells that fits into a room; None where that is too small.
Draw = Callable[[Scale], "Image.Image | None"]
WAIT = 0.1
# So many of them a picture stays, before ways are tried that were too much for the last ones.
REST_WAITS = 10
# Seconds until a screen that opens has its layout, and until who shows a picture has put words beside it.
SETTLES, TELLS = 0.06, 0.01
FORGETS = 0.9
# Kitty's numbers for pictures, one series for all of them; others in the same terminal begin elsewhere.
_numbers = count(randrange(1 << 16, 1 << 23))


class PicturePlace(Center):
    """Where a PictureView lies. A new size of it is drawn once: Textual draws what has a new size once more."""

    virtual_size = Reactive(Size(0, 0), repaint=False)


class PictureView(Widget):
    """Shows what is drawn for it. The newest call of ``show`` wins; nothing is drawn or sent while it is hidden.

    Where few bytes are left, a picture is shown in the best way that they are enough for, and in a better one as
    soon as there are bytes for that.
    """

    DEFAULT_CSS = "PictureView { display: none; }"
    virtual_size = Reactive(Size(0, 0), repaint=False)  # see PicturePlace

    class Shown(Message):
        """What was drawn is there, in this room; None where that was too small."""

        def __init__(self, draw: Draw, scale: Scale | None) -> None:
            self.draw, self.scale = draw, scale
            super().__init__()

    class Failed(Message):
        """Drawing it raised this."""

        def __init__(self, error: BaseException) -> None:
            self.error = error
            super().__init__()

    class Turned(Message):
        """Another protocol is in use: show it again."""

    def __init__(self, pictures: Pictures, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._pictures = pictures
        self._wanted: tuple[Draw, tuple[int, int]] | None = None
        self._working = False
        self._sizes: dict[tuple[Rung, tuple[int, int]], float] = {}
        self._code: PictureCode | None = None
        self._half: list[Strip] = []
        self._filtered_half: list[Strip] = []
        self._filtered_for: tuple[object, ...] = ()
        self._unsent: set[int] = set()

    def show(self, draw: Draw, cells: tuple[int, int]) -> None:
        """Show what is drawn into (height, width) cells at most."""
        self._wanted = (draw, cells)
        if not self._working:
            self._working = True
            self._keep_shown()

    def clear(self) -> None:
        """Show nothing."""
        self._wanted = None
        self._put_away()

    @work(group="picture", exit_on_error=False)
    async def _keep_shown(self) -> None:
        """What comes meanwhile replaces what waits; what is being encoded is finished and shown before it."""
        done = settled = None
        patience = 3
        try:
            while self._wanted is not None and self._wanted is not done:
                if not self._is_seen:
                    await asyncio.sleep(WAIT)
                    continue
                if self._code is None and self._wanted is not settled and patience:
                    # A screen that opens is laid out more than once: only its last room is worth a picture.
                    settled, patience = self._wanted, patience - 1
                    await asyncio.sleep(SETTLES)
                    continue
                done = self._wanted
                if self._pictures.ladder:
                    await self._show_within_budget(*done)
        finally:
            self._working = False

    async def _show_within_budget(self, draw: Draw, cells: tuple[int, int]) -> None:
        wanted, budget, ladder = self._wanted, self._pictures.budget, self._pictures.ladder
        # What was too much for the last pictures may not be for this one: tried again after some.
        self._sizes = {key: size * FORGETS for key, size in self._sizes.items()}
        shown: int | None = None
        tried: set[int] = set()
        while True:
            way = self._first_within(budget.left, ladder, cells)
            best = self._first_within(budget.burst, ladder, cells)
            if shown is not None and shown == best:
                untried = next((better for better in range(best) if better not in tried), None)
                if untried is None or not await self._stays_wanted(wanted, ladder, REST_WAITS):
                    return
                # Too much for earlier pictures: what it takes of this one is seen when it is tried.
                tried.add(untried)
                await self._encode(draw, ladder[untried], cells)
                continue
            if way is not None and self._is_seen and (shown is None or way == best):
                tried.add(way)
                coded = await self._encode(draw, ladder[way], cells)
                if self._wanted is None or self._wanted[1] != cells or self._pictures.ladder is not ladder:
                    return
                if coded is None:
                    self.post_message(self.Shown(draw, None))
                    return
                if self._first_within(budget.left, ladder, cells) == way:
                    is_first = self._code is None
                    self._put(draw, *coded)
                    if is_first:
                        # Words that come with it are drawn with it: later they would have it sent once more.
                        with self.app.batch_update():
                            await asyncio.sleep(TELLS)
                    shown = way
                continue
            if not await self._stays_wanted(wanted, ladder, 1):
                return

    async def _stays_wanted(self, wanted: object, ladder: tuple[Rung, ...], waits: int) -> bool:
        """Wait so many times; False as soon as another picture is wanted, or this one in other ways."""
        for _ in range(waits):
            await asyncio.sleep(WAIT)
            if self._wanted is not wanted or self._pictures.ladder is not ladder:
                return False
        return True

    def _first_within(self, n_bytes: float, ladder: tuple[Rung, ...], cells: tuple[int, int]) -> int | None:
        """The best way that so many bytes are enough for, going by what it took lately.

        A whole burst is enough for the last one whatever it takes, or the picture would never be seen.
        """
        fitting = (at for at, rung in enumerate(ladder) if self._sizes.get((rung, cells), 0.0) <= n_bytes)
        return next(fitting, len(ladder) - 1 if n_bytes >= self._pictures.budget.burst else None)

    async def _encode(
        self, draw: Draw, rung: Rung, cells: tuple[int, int]
    ) -> "tuple[PictureCode, Scale, list[Strip]] | None":
        scale = self._pictures.scale(rung, cells)
        made = await asyncio.to_thread(_encoded, draw, rung, scale, next(_numbers))
        if made is None:
            return None
        self._sizes[(rung, cells)] = made[0].n_bytes
        return made[0], scale, made[1]

    @property
    def _is_seen(self) -> bool:
        with suppress(NoScreen):
            return self.screen.is_active and all(
                ancestor.display for ancestor in self.ancestors if isinstance(ancestor, Widget)
            )
        return False

    def _put(self, draw: Draw, code: "PictureCode", scale: Scale, half: list[Strip]) -> None:
        if self._code is None or self._code.look != code.look:
            self._replace(code, half)
        self.post_message(self.Shown(draw, scale))

    def _replace(self, code: "PictureCode", half: list[Strip]) -> None:
        self._pictures.budget.spend(code.n_bytes)
        if code.transmission:
            self._write(code.transmission)
        # Not before the placeholders of the new one are there, or there would be nothing for a moment.
        self.call_after_refresh(self._forget, self._code)
        self._code, self._half, self._unsent = code, half, set(range(code.cells[0]))
        self._filtered_for = ()
        self.styles.height, self.styles.width = code.cells
        self.display = True
        self.refresh()

    def _put_away(self) -> None:
        self.display = False
        self._forget(self._code)
        self._code, self._half = None, []

    def _forget(self, code: "PictureCode | None") -> None:
        if code is not None and code.kitty is not None:
            from studio.kitty_graphics import removal

            self._write(removal(code.kitty))

    def _write(self, words: str) -> None:
        # Through the thread that writes all else, or the two would be mixed up on the way.
        if self.app._driver is not None:
            self.app._driver.write(words)

    def on_unmount(self) -> None:
        self._forget(self._code)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        event.stop()
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.post_message(self.Failed(event.worker.error))

    # What the terminal is sent

    def render_lines(self, crop: Region) -> list[Strip]:
        # Not by way of Textual's styles, which would dye what is no colour but the number of a picture.
        ground = Strip.blank(self.size.width, self.visual_style.rich_style)
        half = self._filtered() if self._half else []
        return [self._line(y, crop, ground, half) for y in range(crop.y, crop.bottom)]

    def _line(self, y: int, crop: Region, ground: Strip, half: list[Strip]) -> Strip:
        width = self.size.width
        code = self._code
        if code is None or y >= code.cells[0] or width != code.cells[1]:
            return ground.crop(crop.x, crop.right)
        if code.half is not None:
            return self._counted(half[y], y).crop(crop.x, crop.right)
        if not self.screen.is_active or (crop.x, crop.right) != (0, width):
            return ground.crop(crop.x, crop.right)
        if code.kitty is not None:
            from studio.kitty_graphics import color_of, placeholders

            red, green, blue = color_of(code.kitty)
            style = Style.parse(f"rgb({red},{green},{blue})")
            return self._counted(Strip([Segment(placeholders(y, width), style)], width), y)
        assert code.sixel is not None
        return self._counted(_SixelStrip(ground, code.sixel[y], self.region.x, self.region.y + y), y)

    def _filtered(self) -> list[Strip]:
        """The lines of half cells as the app's filters leave them: found once, as they are asked for whatever moves."""
        filters, ground = self.get_line_filters(), self.background_colors[1]
        if self._filtered_for != (filters, ground):
            lines = self._half
            for line_filter in filters:
                lines = [line.apply_filter(line_filter, ground) for line in lines]
            self._filtered_half, self._filtered_for = lines, (filters, ground)
        return self._filtered_half

    def _counted(self, line: Strip, y: int) -> Strip:
        """The line, which counts again when it is sent again, because something has covered it."""
        code = self._code
        assert code is not None

        def sent() -> None:
            if y in self._unsent:
                self._unsent.remove(y)
            else:
                again = code.n_bytes - len(code.transmission)
                self._pictures.budget.spend_again(again // code.cells[0])

        return _CountedStrip(line, sent)


class _CountedStrip(Strip):
    """Calls ``sent`` when it is written. Textual asks for many lines that it writes nothing of."""

    def __init__(self, line: Strip, sent: Callable[[], None]) -> None:
        super().__init__([], line.cell_length)
        self._line, self._sent = line, sent
        self._segments = line._segments

    def render(self, console: "Console") -> str:
        self._sent()
        return self._line.render(console)

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        return [_CountedStrip(part, self._sent) for part in self._line.divide(cuts)]

    def crop(self, start: int, end: int | None = None) -> Strip:
        part = self._line.crop(start, end)
        return _CountedStrip(part, self._sent) if part else part


class _SixelStrip(Strip):
    """Blanks with sixels over them, which cannot be cut: where something covers a part of the line, only the blanks."""

    def __init__(self, ground: Strip, sixels: str, x: int, y: int) -> None:
        width = ground.cell_length
        drawn = f"\x1b[{y + 1};{x + 1}H{sixels}\x1b[{y + 1};{x + 1}H\x1b[{width}C"
        control = Segment(drawn, Style.null(), ((ControlType.CURSOR_FORWARD, 0),))
        super().__init__([*ground, control], width)
        self._ground = ground

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        cuts = list(cuts)
        return [self] if cuts == [self.cell_length] else self._ground.divide(cuts)

    def crop(self, start: int, end: int | None = None) -> Strip:
        whole = start <= 0 and (end is None or end >= self.cell_length)
        return self if whole else self._ground.crop(start, end)


def _encoded(draw: Draw, rung: Rung, scale: Scale, number: int) -> "tuple[PictureCode, list[Strip]] | None":
    # In the thread that draws, so that Pillow does not delay the first paint.
    from studio.picture_code import encode

    picture = draw(scale)
    if picture is None:
        return None
    code = encode(picture, rung, scale, number)
    return code, _half_strips(code.half) if code.half is not None else []


def _half_strips(lines: "HalfCells") -> list[Strip]:
    strips = []
    for line in lines:
        segments = [Segment("▀" * n, _half_style(upper, lower)) for n, upper, lower in line]
        strips.append(Strip(segments, sum(n for n, _, _ in line)))
    return strips


# A style that has been written knows its escape codes, which take longer to find than all else.
@lru_cache(16384)
def _half_style(upper: tuple[int, int, int], lower: tuple[int, int, int]) -> Style:
    return Style.from_color(_color(upper), _color(lower))


@lru_cache(16384)
def _color(rgb: tuple[int, int, int]) -> Color:
    return Color.from_rgb(*rgb)
