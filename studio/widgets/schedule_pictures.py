"""A real image on its way to noise: at several t in a strip, and at one t with what can be guessed of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from studio.schedule_view import Curves, Scene
from studio.schedule_words import percent
from studio.widgets.picture_row import Picture, PictureRow

if TYPE_CHECKING:
    from studio.contact_sheet import Pixels
    from studio.noised_image import Moment

_MOST = 9


class NoiseStrip(PictureRow):
    """One image at several t."""

    def room(self, image_size: tuple[int, int]) -> int:
        """How many t there is room for; 0 while it is hidden."""
        return self.places(image_size, _MOST) if self.size.width else 0

    def show_strip(self, scene: Scene, curves: Curves, strip: "Sequence[tuple[int, Pixels]]") -> None:
        """Show the image at each t, with what is left of it; the t nearest to the scene's is marked."""
        nearest = min((t for t, _ in strip), key=lambda t: abs(t - scene.t), default=0)
        self.show(
            [
                Picture(pixels, f"t={t} {percent(curves.signal(t))}", grainy=True, marked=t == nearest)
                for t, pixels in strip
            ]
        )


class GuessRow(PictureRow):
    """The image, the image with noise, and what two denoisers make of that."""

    def show_moment(self, moment: "Moment", network_words: str) -> None:
        """Show a moment; without a network, the words why."""
        trained = moment.trained
        network = (
            Picture(trained.pixels, f"network, off {trained.error:.2f}")
            if trained
            else Picture(None, network_words)
        )
        self.show(
            [
                Picture(moment.x_0, "x_0, the image"),
                Picture(moment.x_t, "x_t, noised", grainy=True, marked=True),
                Picture(moment.perfect.pixels, f"perfect, off {moment.perfect.error:.2f}"),
                network,
            ]
        )
