"""Where the network looks while it draws: one image at one step, beside the attention map of a layer."""

from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from ddpm.errors import DDPMError
from ddpm.sample_config import SampleConfig
from studio.action import Place
from studio.actions import window_bindings
from studio.long_job import LongJob, told_as
from studio.screens.window import StudioWindow
from studio.terminal import Pictures
from studio.widgets.key_line import KeyLine
from studio.widgets.picture_row import Picture, PictureRow
from studio.widgets.words import Words

if TYPE_CHECKING:
    from ddpm.generate import Network
    from studio.attention_look import AttentionLook

LOOK_SECONDS = 0.1
MOVES = 16  # places across the image that the arrows go through


class AttentionDialog(StudioWindow[None]):
    """The image and the map; arrows move the pixel whose look is shown."""

    place: ClassVar[Place] = "attention"
    BINDINGS: ClassVar[list[BindingType]] = window_bindings("attention")

    def __init__(self, network: "Network", recipe: SampleConfig, done: int, pictures: Pictures) -> None:
        """``done``: the steps of the drawing of ``recipe`` that were taken at the moment to look at."""
        super().__init__()
        self._network, self._recipe, self._done, self._pictures = network, recipe, done, pictures
        self._index = 0
        self._look: AttentionLook | None = None
        self._layer = 0
        self._head: int | None = None
        self._place: tuple[int, int] | None = (MOVES // 2, MOVES // 2)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="attention"):
            yield Static(Content.styled("Where the network looks", "bold"))
            yield PictureRow(self._pictures, id="attention-row")
            yield Words("", id="attention-words", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self._read()

    @work(group="look", exclusive=True, exit_on_error=False)
    async def _read(self) -> None:
        from studio.attention_look import look, step_of

        index = self._index
        step = step_of(self._done, index, self._recipe)
        what = f"drawing image {index} again: step"
        job = LongJob(
            lambda progress: look(self._network, self._recipe, index, step, told_as(progress, what))
        )
        job.start()
        try:
            while not await job.over_within(LOOK_SECONDS):
                self._say(job.words)
            self._look = job.result()
        except DDPMError as error:
            self._look = None
            self.query_one(PictureRow).say(str(error))
            self._say("")
        else:
            self._show()
        finally:
            job.give_up()  # another image is wanted, or the window is closed

    def _say(self, words: str) -> None:
        self.query_one("#attention-words", Words).update(words)

    def _show(self) -> None:
        from studio.attention_look import heat_picture, step_of

        found = self._look
        if found is None:
            return
        layer = self._layer_name(found)
        place = None if self._place is None else (self._place[0] / MOVES, self._place[1] / MOVES)
        heat = found.heat(layer, self._head, place)
        height, width = heat.shape
        pictures = [
            Picture(found.marked(layer, place), "x_0 expected"),
            Picture(heat_picture(heat), f"map {width}x{height}", marked=True),
        ]
        self.query_one(PictureRow).show(pictures)
        step = step_of(self._done, self._index, self._recipe)
        whose = "mean over all pixels" if place is None else "what the marked pixel takes from each"
        heads = len(found.maps[layer])
        head = f"mean of {heads} heads" if self._head is None else f"head {self._head + 1} of {heads}"
        layers = f"{layer} ({self._layer % len(found.maps) + 1} of {len(found.maps)})"
        self._say(
            f"image {self._index} · step {step} · {layers} · {head}\n"
            f"{whose}: darkest none, lightest {heat.max():.1%}"
        )

    def _layer_name(self, found: "AttentionLook") -> str:
        return list(found.maps)[self._layer % len(found.maps)]

    # Keys

    def action_move(self, down: int, across: int) -> None:
        row, column = self._place or (MOVES // 2, MOVES // 2)
        self._place = (min(max(row + down, 0), MOVES - 1), min(max(column + across, 0), MOVES - 1))
        self._show()

    def action_turn_layer(self) -> None:
        self._layer += 1
        self._head = None
        self._show()

    def action_turn_head(self) -> None:
        if self._look is not None:
            heads = len(self._look.maps[self._layer_name(self._look)])
            following = 0 if self._head is None else self._head + 1
            self._head = following if following < heads else None
            self._show()

    def action_toggle_mean(self) -> None:
        self._place = None if self._place else (MOVES // 2, MOVES // 2)
        self._show()

    def action_turn_image(self) -> None:
        self._index = (self._index + 1) % self._recipe.n
        self._read()
