"""What the schedule explorer loads and computes, without its screen. Call it in threads: it imports torch."""

from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.config import Config
from ddpm.errors import ConfigError, DDPMError, MemoryFullError, NoSuchCheckpointError
from ddpm.progress import Progress, Told, say_nothing
from ddpm.runs import Run
from studio.schedule_view import Curves, Scene, Side, curves_of, strip_steps
from studio.schedule_words import Knowledge
from studio.torch_import import load_torch

if TYPE_CHECKING:
    from studio.noised_image import ImageBank, Moment, Pixels, Trained


class Laboratory:
    """The images of a recipe, the network of its run where there is one, and what becomes of them in a scene."""

    def __init__(self, config: Config, data_root: Path, run: Run | None) -> None:
        self._config, self._data_root, self._run = config, data_root, run
        self._bank: ImageBank | None = None
        self._trained: Trained | None = None
        self._strip: tuple[object, list[Pixels]] = ((), [])
        self.network_words = "loading …" if run else "no run yet"

    def load_images(self, progress: Progress = say_nothing) -> None:
        """Read the images that the run trains on, or some of them. Raises DataError."""
        load_torch()
        from studio.noised_image import load_bank

        name = self._run.name if self._run else "This recipe"
        self._bank = load_bank(self._config, self._data_root, name, progress)

    def load_network(self, progress: Progress = say_nothing) -> None:
        """Load the network of the run's newest whole checkpoint. Raises DDPMError where one is there, but cannot be."""
        if self._run is None or self._bank is None:
            return
        from studio.noised_image import load_trained

        try:
            self._trained = load_trained(self._run, self._bank, self._reading(progress))
        except NoSuchCheckpointError:
            self.network_words = "no checkpoint yet"
        except DDPMError:
            self.network_words = "not loaded"
            raise

    def _reading(self, progress: Progress) -> Told:
        def told(done: int, total: int) -> None:
            self.network_words = f"loading, {done / total:.0%}"
            progress("reading the network", done, total)

        return told

    @property
    def image_size(self) -> tuple[int, int] | None:
        """(height, width) of the images, once they are there."""
        return None if self._bank is None else (self._bank.images.shape[2], self._bank.images.shape[3])

    def curves(self, scene: Scene) -> tuple[Curves, Curves]:
        """A and B as numbers. Raises ConfigError that names the one that is no schedule."""
        return self._curves("A", scene), self._curves("B", scene)

    def _curves(self, side: Side, scene: Scene) -> Curves:
        try:
            return curves_of(scene.schedule(side))
        except ConfigError as error:
            raise ConfigError(f"{side}: {error}") from None

    def moment(self, scene: Scene) -> "Moment | None":
        """The image and the guesses at t; None without images. A network that memory is too small for is let go."""
        if self._bank is None:
            return None
        from studio.noised_image import moment

        try:
            return moment(self._bank, scene.image, scene.first, scene.t, self._trained)
        except MemoryFullError:
            self._trained, self.network_words = None, "memory is full"
            return moment(self._bank, scene.image, scene.first, scene.t, None)

    def knowledge(self, moment: "Moment | None") -> Knowledge | None:
        """What the perfect denoiser knows at a moment."""
        if moment is None or self._bank is None:
            return None
        return Knowledge(moment.candidates, len(self._bank.images), self._bank.total)

    def strip(self, scene: Scene, n: int) -> "list[tuple[int, Pixels]]":
        """The image at n timesteps from first to last, with those; computed anew only for another schedule or image."""
        if self._bank is None:
            return []
        from studio.noised_image import strip

        steps = strip_steps(scene.first.T, n)
        wanted = (scene.first, scene.image, tuple(steps))
        if self._strip[0] != wanted:
            self._strip = (wanted, strip(self._bank, scene.image, scene.first, steps))
        return list(zip(steps, self._strip[1], strict=True))
