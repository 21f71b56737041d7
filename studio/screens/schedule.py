"""The schedule explorer: what a noise schedule does to an image, and what can be guessed of it at every t."""

import asyncio
import threading
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import work
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget

from ddpm.config import Config
from ddpm.errors import CheckpointError, ConfigError, DDPMError
from ddpm.runs import Run
from studio import schedule_words
from studio.actions import Place, bindings
from studio.schedule_view import SIDES, Curves, Scene, Side, curves_of, read_schedule, strip_steps
from studio.screens.base import StudioScreen
from studio.widgets.curves import CurvesPanel, Shown
from studio.widgets.picture_row import Picture, PictureRow
from studio.widgets.schedule_form import GLYPHS, ScheduleForm
from studio.widgets.slider import Slider
from studio.widgets.words import Words
from studio.workshop import Workshop

if TYPE_CHECKING:
    from studio.noised_image import ImageBank, Moment, Pixels, Trained

Face = Literal["guesses", "strip", "form"]
# From so many columns and lines all parts of the screen are shown at once.
UNFOLDED = (112, 44)
MOST_IN_STRIP = 9
PLAY_SECONDS, PLAY_FRAMES = 0.1, 80


class ScheduleScreen(StudioScreen):
    place: ClassVar[Place] = "schedule"
    BINDINGS: ClassVar[list[BindingType]] = bindings("schedule")

    def __init__(self, workshop: Workshop, config: Config, run: Run | None = None) -> None:
        super().__init__(workshop, run.name if run else config.data.source, " › Noise schedule")
        self._config, self._run = config, run
        self._scene = Scene.of(config.diffusion)
        self._curves: tuple[Curves, Curves] | None = None
        self._bank: ImageBank | None = None
        self._trained: Trained | None = None
        self._trained_words = "loading …" if run else "no run yet"
        self._strip: tuple[object, list[Pixels]] = ((), [])
        self._left = threading.Event()
        self._face: Face = "guesses"
        self._stale = False
        self._computing = False
        self._playing: Timer | None = None

    def body(self) -> list[Widget]:
        panels = [
            CurvesPanel("β", "noise added", "log", id="beta"),
            CurvesPanel("ᾱ", "image left", "share", id="alpha-bar"),
            CurvesPanel("log SNR", "image to noise", "linear", id="log-snr"),
        ]
        pictures = self.workshop.pictures
        return [
            Vertical(
                Vertical(
                    Vertical(
                        ScheduleForm(self._scene.first, self._scene.second, id="schedule-form"),
                        Words("", id="schedule-comparison", markup=False),
                        id="schedule-choice",
                    ),
                    Horizontal(*panels, id="curves"),
                    id="schedule-top",
                ),
                Slider("t", "image", "noise", id="slider"),
                Words("", id="schedule-facts", markup=False),
                PictureRow(pictures, id="schedule-strip"),
                Vertical(
                    PictureRow(pictures, id="schedule-guesses"),
                    Words("", id="schedule-words", markup=False),
                    id="schedule-bottom",
                ),
                id="schedule",
            )
        ]

    def on_mount(self) -> None:
        self._show_face("guesses")
        self.query_one(Slider).focus()
        for row in self.query(PictureRow):
            row.say("looking for images …")
        self._change(self._scene)
        self._load()

    def on_unmount(self) -> None:
        self._left.set()

    def on_resize(self) -> None:
        self.set_class(self.size.width < UNFOLDED[0] or self.size.height < UNFOLDED[1], "-folded")
        self.refresh_bindings()
        # Another size holds another number of pictures.
        self.call_after_refresh(self._changed)

    # What is slow: in threads, the newest wins

    @work(group="load", exit_on_error=False)
    async def _load(self) -> None:
        try:
            self._bank = await asyncio.to_thread(self._load_bank)
        except DDPMError as error:
            if self.is_there:
                for row in self.query(PictureRow):
                    row.say(str(error))
            return
        self._changed()
        if self._run is None or self._bank is None:
            return
        try:
            self._trained = await asyncio.to_thread(_load_trained, self._run, self._bank)
        except CheckpointError:
            self._trained_words = "no checkpoint yet"
        except DDPMError as error:
            self._trained_words = "not loaded"
            self.complain(error)
        self._changed()

    def _load_bank(self) -> "ImageBank | None":
        # With it torch is imported: in a thread.
        from studio.noised_image import GivenUpError, load_bank

        name = self._run.name if self._run else "This recipe"
        try:
            return load_bank(self._config, self.workshop.data_root, name, self._left.is_set)
        except GivenUpError:
            return None

    def _change(self, scene: Scene) -> None:
        """Show another scene: the slider at once, all else as soon as it is computed."""
        self._scene = scene
        self.query_one(Slider).show(scene.t, scene.first.T - 1)
        self._changed()

    def _changed(self) -> None:
        self._stale = True
        if not self._computing and self.is_there:
            self._computing = True
            self._keep_up()

    @work(group="compute", exit_on_error=False)
    async def _keep_up(self) -> None:
        """Compute until the newest scene is shown. What comes meanwhile replaces, but never interrupts."""
        try:
            while self._stale and self.is_there:
                self._stale = False
                await self._show_scene(self._scene)
        except ConfigError as error:
            if self.is_there:
                self.query_one(ScheduleForm).show_problem(str(error))
        finally:
            self._computing = False

    async def _show_scene(self, scene: Scene) -> None:
        first, second = await asyncio.to_thread(_both_curves, scene)
        if not self.is_there:
            return
        self._show_curves(scene, first, second)
        if self._bank is None:
            self._show_words(scene, first, second, None)
            return
        moment = await asyncio.to_thread(_moment, self._bank, scene, self._trained)
        strip = await self._strip_of(self._bank, scene)
        if self.is_there:
            self._show_guesses(moment)
            self._show_strip(scene, first, strip)
            self._show_words(scene, first, second, moment)

    async def _strip_of(self, bank: "ImageBank", scene: Scene) -> "list[Pixels]":
        """The image at as many t as there is room for; none while the strip is hidden."""
        row = self.query_one("#schedule-strip", PictureRow)
        if row.size.width == 0:
            return []
        height, width = bank.images.shape[2:]
        steps = strip_steps(scene.first.T, row.places((height, width), MOST_IN_STRIP))
        wanted = (scene.first, scene.image, tuple(steps))
        if self._strip[0] != wanted:
            self._strip = (wanted, await asyncio.to_thread(_strip, bank, scene, steps))
        return self._strip[1]

    # What is shown

    def _show_curves(self, scene: Scene, first: Curves, second: Curves) -> None:
        a, b = scene.t, scene.t_second
        for id, table, text in (
            ("#beta", "beta", "{:.2g}"),
            ("#alpha-bar", "alpha_bar", "{:.3f}"),
            ("#log-snr", "log_snr", "{:.1f}"),
        ):
            curves = getattr(first, table), getattr(second, table)
            texts = text.format(curves[0][a]), text.format(curves[1][b])
            self.query_one(id, CurvesPanel).show(Shown(*curves, a, b, texts))
        lines = [
            Content.assemble(
                (f"{side} {GLYPHS[side]} {curves.name:<9} ", f"bold $series-{side.lower()}"),
                f"t = {t}: " if scene.first.T != scene.second.T else "",
                schedule_words.state_of(curves, t),
            )
            for side, curves, t in (("A", first, a), ("B", second, b))
        ]
        self.query_one("#schedule-facts", Words).update(Content("\n").join(lines))

    def _show_guesses(self, moment: "Moment") -> None:
        trained = moment.trained
        pictures = [
            Picture(moment.x_0, "x_0, the image"),
            Picture(moment.x_t, "x_t, noised", grainy=True, marked=True),
            Picture(moment.perfect.pixels, f"perfect, off {moment.perfect.error:.2f}"),
            Picture(trained.pixels, f"network, off {trained.error:.2f}")
            if trained
            else Picture(None, self._trained_words),
        ]
        self.query_one("#schedule-guesses", PictureRow).show(pictures)

    def _show_strip(self, scene: Scene, curves: Curves, strip: "list[Pixels]") -> None:
        steps = strip_steps(scene.first.T, len(strip))
        nearest = min(steps, key=lambda t: abs(t - scene.t), default=0)
        pictures = [
            Picture(pixels, f"t={t} {schedule_words.percent(curves.signal(t))}", True, t == nearest)
            for pixels, t in zip(strip, steps, strict=True)
        ]
        if pictures:
            self.query_one("#schedule-strip", PictureRow).show(pictures)

    def _show_words(self, scene: Scene, first: Curves, second: Curves, moment: "Moment | None") -> None:
        known = None
        if moment is not None and self._bank is not None:
            known = schedule_words.Knowledge(moment.candidates, len(self._bank.images), self._bank.total)
        task = schedule_words.task(scene, first, known)
        comparison = schedule_words.comparison(scene, first, second)
        process = schedule_words.forward_process(scene, first)
        if self.has_class("-folded"):
            by_face = {"guesses": task, "strip": process, "form": comparison}
            paragraphs = [by_face[self._face]]
        else:
            paragraphs = [process, task]
            if known is not None and moment is not None:
                asked = moment.trained_t if moment.trained else None
                paragraphs.append(schedule_words.guesses(scene, known, asked))
        self.query_one("#schedule-words", Words).update(Content("\n\n").join(map(_written, paragraphs)))
        self.query_one("#schedule-comparison", Words).update(_written(comparison))

    def _show_face(self, face: Face) -> None:
        """Folded: what stands below the slider."""
        self._face = face
        for other in ("guesses", "strip", "form"):
            self.set_class(other == face, f"-face-{other}")
        self.call_after_refresh(self._changed)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.has_class("-folded") if action == "face" else True

    def on_slider_moved(self, event: Slider.Moved) -> None:
        self._change(self._scene.at(event.value))

    def on_schedule_form_changed(self, event: ScheduleForm.Changed) -> None:
        form = self.query_one(ScheduleForm)
        try:
            diffusion = read_schedule(event.texts)
        except ConfigError as error:
            form.show_problem(f"{event.side}: {error}")
            return
        form.show_problem("")
        if diffusion != self._scene.schedule(event.side):
            self._change(self._scene.with_schedule(event.side, diffusion))

    def action_move(self, direction: int, coarse: bool = False) -> None:
        self._change(self._scene.moved(direction, coarse=coarse))

    def action_go(self, share: int) -> None:
        self._change(self._scene.at(share * (self._scene.first.T - 1)))

    def action_play(self) -> None:
        if self._playing is not None:
            self._stop_playing()
            return
        if self._scene.t == self._scene.first.T - 1:
            self._change(self._scene.at(0))
        self._playing = self.set_interval(PLAY_SECONDS, self._play_on)

    def _play_on(self) -> None:
        scene = self._scene
        self._change(scene.at(scene.t + max(1, scene.first.T // PLAY_FRAMES)))
        if self._scene.t == self._scene.first.T - 1:
            self._stop_playing()

    def _stop_playing(self) -> None:
        if self._playing is not None:
            self._playing.stop()
        self._playing = None

    def action_edit(self) -> None:
        self._show_face("form")
        self.query_one(ScheduleForm).enter()

    def action_face(self) -> None:
        self._show_face("strip" if self._face == "guesses" else "guesses")
        self.query_one(Slider).focus()

    def action_swap(self) -> None:
        self._fill(self._scene.swapped())

    def action_reset(self) -> None:
        self._fill(Scene.of(self._config.diffusion))

    def _fill(self, scene: Scene) -> None:
        form = self.query_one(ScheduleForm)
        form.show_problem("")
        for side in SIDES:
            form.fill(side, scene.schedule(side))
        self._change(scene)

    def action_next_image(self) -> None:
        self._change(self._scene.next_image())

    async def action_leave_form(self) -> None:
        slider = self.query_one(Slider)
        if slider.has_focus:
            await self.app.run_action("back")
            return
        self._show_face("guesses")
        slider.focus()


def _written(paragraph: schedule_words.Paragraph) -> Content:
    return Content.assemble((f"{paragraph.heading}. ", "bold $accent"), paragraph.words)


# In threads, as they import torch.


def _both_curves(scene: Scene) -> tuple[Curves, Curves]:
    return _curves("A", scene), _curves("B", scene)


def _curves(side: Side, scene: Scene) -> Curves:
    try:
        return curves_of(scene.schedule(side))
    except ConfigError as error:
        raise ConfigError(f"{side}: {error}") from None


def _moment(bank: "ImageBank", scene: Scene, trained: "Trained | None") -> "Moment":
    from studio.noised_image import moment

    return moment(bank, scene.image, scene.first, scene.t, trained)


def _strip(bank: "ImageBank", scene: Scene, steps: list[int]) -> "list[Pixels]":
    from studio.noised_image import strip

    return strip(bank, scene.image, scene.first, steps)


def _load_trained(run: Run, bank: "ImageBank") -> "Trained":
    from studio.noised_image import load_trained

    return load_trained(run, bank)
