"""Draws images in a thread of its own; every step is kept, in bounded memory, until the next drawing."""

import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddpm.checkpoint import Checkpoint, step_name
from ddpm.errors import CheckpointGoneError, DDPMError
from ddpm.progress import Told, untold
from ddpm.runs import Run
from ddpm.sample_config import SampleConfig
from studio.frames import Frame, Frames
from studio.long_job import GivenUpError
from studio.torch_import import load_torch

if TYPE_CHECKING:
    from ddpm.generate import Drawing, Network

SHOWN_AT_MOST = 256


@dataclass(frozen=True)
class Order:
    """What to draw: a recipe and, for one of EDITS, its name and the names of its pictures."""

    recipe: SampleConfig
    edit: str = ""
    pictures: tuple[str, ...] = ()


class Drawer:
    """At most one drawing at a time. ``frames`` are its steps, of at most the first 256 images.

    ``loaded``: how much of the network has been read, a share.
    """

    def __init__(self, data_root: Path) -> None:
        self.error = ""
        self.note = ""
        self.loaded = 0.0
        self.frames = Frames()
        self.order: Order | None = None
        self._data_root = data_root
        self._thread: threading.Thread | None = None
        self._stop_asked = threading.Event()
        self._last: Drawing | None = None
        self._recipe: dict[str, Any] = {}
        self._network: tuple[tuple[Path, str], Network] | None = None

    @property
    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def has_result(self) -> bool:
        """Whether there is something to save: all that was asked for, or what stood there at a stop."""
        return not self.is_alive and self._last is not None

    @property
    def network(self) -> "Network | None":
        """The network of the last drawing, while no other is going on."""
        return None if self.is_alive or self._network is None else self._network[1]

    @property
    def shows_attention(self) -> bool:
        """Whether single images of the last drawing can be drawn again: not those made of pictures."""
        return self.has_result and self.network is not None and self.order is not None and not self.order.edit

    def start(self, run: Run, checkpoint: Checkpoint, order: Order, *, else_newest: bool = False) -> None:
        """Begin to draw. Does nothing while a drawing is going on.

        ``else_newest``: where a trainer deletes the checkpoint meanwhile, the newest whole one takes its place.
        """
        if self.is_alive:
            return
        self.error, self.note, self.loaded, self.frames, self._last = "", "", 0.0, Frames(), None
        self.order = order
        self._stop_asked.clear()
        arguments = (run, checkpoint, order, else_newest)
        self._thread = threading.Thread(target=self._draw, args=arguments, name="draw")
        self._thread.start()

    def stop(self) -> None:
        """Ask for a stop after the denoising step that is going on, or while the network is loaded."""
        self._stop_asked.set()

    def join(self, timeout: float | None = None) -> None:
        if self._thread is not None:
            self._thread.join(timeout)

    def save(self, folder: Path, told: Told = untold) -> Path:
        """Write the result below ``folder``; returns the path of the grid. ``told`` hears of the images. Raises
        RunError."""
        from ddpm.generate import save_images

        if self._last is None or self.order is None:
            raise ValueError("nothing has been drawn")
        return save_images(
            self._last.x_t, folder, self._recipe, "edit.json" if self.order.edit else "sample.json", told
        )

    def save_gif(self, folder: Path, *, estimates: bool, told: Told = untold) -> Path:
        """Write the denoising below ``folder`` as a GIF: the noisy images, or the estimates. Raises RunError.

        ``told`` hears of the frames.
        """
        from studio.denoising_gif import write_gif

        path = folder / ("x_0.gif" if estimates else "x_t.gif")
        write_gif(path, [frame.x_0 if estimates else frame.x_t for frame in self.frames.all()], told)
        return path

    def _draw(self, run: Run, checkpoint: Checkpoint, order: Order, else_newest: bool) -> None:
        try:
            network = self._load(run, checkpoint, order.recipe.weights, else_newest)
            for drawing in self._drawings(run, network, order):
                self._last = drawing
                self._keep(drawing)
                if self._stop_asked.is_set():
                    self._recipe["stopped_after"] = drawing.done
                    break
        except GivenUpError:
            self.note = "Stopped before the first step."
        except DDPMError as error:
            self.error = str(error)
        except Exception as error:
            self.error = f"Drawing failed. {traceback.format_exception_only(error)[-1].strip()}"

    def _drawings(self, run: Run, network: "Network", order: Order) -> "Iterator[Drawing]":
        from ddpm.generate import draw, recipe_of

        if not order.edit:
            self._recipe = recipe_of(network, order.recipe)
            return draw(network, order.recipe)

        from studio.edits import EDITS, told
        from studio.picture_words import NamedPictures

        pictures = NamedPictures(run, self._data_root, self._stop_asked.is_set)
        self._recipe = told(order.edit, order.pictures, network, order.recipe)
        return EDITS[order.edit].draw(network, order.recipe, pictures.read(order.edit, order.pictures))

    def _load(self, run: Run, checkpoint: Checkpoint, weights: str, else_newest: bool) -> "Network":
        load_torch()
        from ddpm.generate import load_network, load_newest_network

        wanted = (checkpoint.path, weights)
        if self._network is None or self._network[0] != wanted:
            try:
                network = load_network(run, checkpoint, weights, told=self._reading)
            except CheckpointGoneError:
                if not else_newest:
                    raise
                network = load_newest_network(run, weights, told=self._reading)
                self.note = (
                    f"Drawn from step {network.step:,}, as step {checkpoint.step:,} was deleted meanwhile."
                )
                wanted = (run.checkpoints_path / step_name(network.step), weights)
            self._network = (wanted, network)
        return self._network[1]

    def _reading(self, done: int, total: int) -> None:
        if self._stop_asked.is_set():
            raise GivenUpError
        self.loaded = done / total

    def _keep(self, drawing: "Drawing") -> None:
        shown = [images[:SHOWN_AT_MOST].numpy().copy() for images in (drawing.x_t, drawing.x_0)]
        self.frames.add(Frame(drawing.done, drawing.total, shown[0], shown[1]))
