"""The schedule explorer: what a noise schedule does to an image, and what can be guessed of it at every t."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget

from ddpm.config import Config
from ddpm.errors import ConfigError, DDPMError
from ddpm.runs import Run
from studio import messages
from studio.action import Place
from studio.actions import bindings
from studio.long_job import GivenUpError, LongJob
from studio.schedule_lab import Laboratory
from studio.schedule_view import SIDES, Curves, Scene, read_schedule
from studio.schedule_words import Face, Paragraph, comparison, paragraphs
from studio.screens.base import StudioScreen
from studio.widgets.picture_row import PictureRow
from studio.widgets.schedule_curves import ScheduleCurves, ScheduleFacts
from studio.widgets.schedule_form import ScheduleForm
from studio.widgets.schedule_pictures import GuessRow, NoiseStrip
from studio.widgets.slider import Slider
from studio.widgets.words import Words
from studio.workshop import Workshop

LOADING_SECONDS = 0.5

if TYPE_CHECKING:
    from studio.noised_image import Moment

# From so many columns and lines all parts of the screen are shown at once.
UNFOLDED = (112, 44)
PLAY_SECONDS, PLAY_FRAMES = 0.1, 80


class ScheduleScreen(StudioScreen):
    place: ClassVar[Place] = "schedule"
    BINDINGS: ClassVar[list[BindingType]] = bindings("schedule")

    def __init__(self, workshop: Workshop, config: Config, run: Run | None = None) -> None:
        super().__init__(workshop, run.name if run else config.data.source, " › Noise schedule")
        self._start = Scene.of(config.diffusion)
        self._scene = self._start
        self._lab = Laboratory(config, workshop.data_root, run)
        self._loading: LongJob[None] | None = None
        self._face: Face = "guesses"
        self._stale = False
        self._computing = False
        self._playing: Timer | None = None

    def body(self) -> list[Widget]:
        choice = Vertical(
            ScheduleForm(self._scene.first, self._scene.second, id="schedule-form"),
            Words("", id="schedule-comparison", markup=False),
            id="schedule-choice",
        )
        bottom = Vertical(
            GuessRow(self.workshop.pictures, id="schedule-guesses"),
            Words("", id="schedule-words", markup=False),
            id="schedule-bottom",
        )
        return [
            Vertical(
                Vertical(choice, ScheduleCurves(id="curves"), id="schedule-top"),
                Slider("t", "image", "noise", id="slider"),
                ScheduleFacts("", id="schedule-facts", markup=False),
                NoiseStrip(self.workshop.pictures, id="schedule-strip"),
                bottom,
                id="schedule",
            )
        ]

    def on_mount(self) -> None:
        self._show_face("guesses")
        self.query_one(Slider).focus()
        self._say("looking for images …")
        self._change(self._scene)
        self._load()

    def on_unmount(self) -> None:
        if self._loading:
            self._loading.give_up()

    def on_resize(self) -> None:
        self.set_class(self.size.width < UNFOLDED[0] or self.size.height < UNFOLDED[1], "-folded")
        self.refresh_bindings()
        # Another size holds another number of pictures.
        self.call_after_refresh(self._changed)

    # What is slow: in threads, the newest wins

    @work(group="load", exit_on_error=False)
    async def _load(self) -> None:
        try:
            await self._loaded(LongJob(self._lab.load_images), self._say_loading)
        except GivenUpError:
            return
        except DDPMError as error:
            self._say(str(error))
            return
        self._changed()
        try:
            await self._loaded(LongJob(self._lab.load_network), lambda _: self._changed())
        except GivenUpError:
            return
        except DDPMError as error:
            self.post_message(messages.QuietTrouble(error))
        self._changed()

    async def _loaded(self, job: LongJob[None], show: Callable[[LongJob[None]], None]) -> None:
        """Load something, and ``show`` now and then how far that is. Raises GivenUpError once the screen is left."""
        self._loading = job
        job.start()
        while not await job.over_within(LOADING_SECONDS):
            show(job)
        job.result()

    def _say_loading(self, job: LongJob[None]) -> None:
        self._say(job.words or "looking for images …")

    def _say(self, words: str) -> None:
        if self.is_there:
            for row in self.query(PictureRow):
                row.say(words)

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
                try:
                    await self._show_scene(self._scene)
                except ConfigError as error:
                    if self.is_there:
                        self.query_one(ScheduleForm).show_problem(str(error))
        finally:
            self._computing = False

    async def _show_scene(self, scene: Scene) -> None:
        lab = self._lab
        curves = await asyncio.to_thread(lab.curves, scene)
        if not self.is_there:
            return
        self.query_one(ScheduleCurves).show(scene, *curves)
        self.query_one(ScheduleFacts).show(scene, *curves)
        moment = await asyncio.to_thread(lab.moment, scene)
        if not self.is_there:
            return
        self._show_words(scene, curves, moment)
        if moment is None or lab.image_size is None:
            return
        self.query_one(GuessRow).show_moment(moment, lab.network_words)
        strip = self.query_one(NoiseStrip)
        if n := strip.room(lab.image_size):
            images = await asyncio.to_thread(lab.strip, scene, n)
            if self.is_there:
                strip.show_strip(scene, curves[0], images)

    def _show_words(self, scene: Scene, curves: tuple[Curves, Curves], moment: "Moment | None") -> None:
        asked_t = moment.trained_t if moment is not None and moment.trained else None
        known = self._lab.knowledge(moment)
        face = self._face if self.has_class("-folded") else None
        said = paragraphs(scene, curves, known, asked_t, face)
        self.query_one("#schedule-words", Words).update(_written(said))
        self.query_one("#schedule-comparison", Words).update(_written([comparison(scene, *curves)]))

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
        self._fill(self._start)

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


def _written(said: Sequence[Paragraph]) -> Content:
    lines = [Content.assemble((f"{one.heading}. ", "bold $accent"), one.words) for one in said]
    return Content("\n\n").join(lines)
