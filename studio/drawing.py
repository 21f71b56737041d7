"""Draws images in a thread of its own; the newest frame waits in a mailbox until somebody looks."""

import threading
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ddpm.checkpoint import Checkpoint, step_name
from ddpm.errors import CheckpointGoneError, DDPMError
from ddpm.runs import Run
from ddpm.sample_config import SampleConfig

if TYPE_CHECKING:
    from ddpm.generate import Drawing, Network

Pixels = NDArray[np.uint8]
SHOWN_AT_MOST = 256


@dataclass(frozen=True)
class Frame:
    """Images in the making, uint8 [n, C, H, W], at most the first 256 of them."""

    done: int
    total: int
    x_t: Pixels
    x_0: Pixels


class Drawer:
    """At most one drawing at a time. Frames are replaced, not queued: a slow screen skips some."""

    def __init__(self) -> None:
        self.error = ""
        self.note = ""
        self._thread: threading.Thread | None = None
        self._stop_asked = threading.Event()
        self._guard = threading.Lock()
        self._frame: Frame | None = None
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

    def start(
        self, run: Run, checkpoint: Checkpoint, sample: SampleConfig, *, else_newest: bool = False
    ) -> None:
        """Begin to draw. Does nothing while a drawing is going on.

        ``else_newest``: where a trainer deletes the checkpoint meanwhile, the newest whole one takes its place.
        """
        if self.is_alive:
            return
        self.error, self.note, self._frame, self._last = "", "", None, None
        self._stop_asked.clear()
        arguments = (run, checkpoint, sample, else_newest)
        self._thread = threading.Thread(target=self._draw, args=arguments, name="draw")
        self._thread.start()

    def stop(self) -> None:
        """Ask for a stop after the denoising step that is going on."""
        self._stop_asked.set()

    def join(self, timeout: float | None = None) -> None:
        if self._thread is not None:
            self._thread.join(timeout)

    def take_frame(self) -> Frame | None:
        """The newest frame that was not taken yet."""
        with self._guard:
            frame, self._frame = self._frame, None
            return frame

    def save(self, folder: Path) -> Path:
        """Write the result below ``folder``; returns the path of the grid. Raises RunError."""
        from ddpm.generate import save_images

        if self._last is None:
            raise ValueError("nothing has been drawn")
        return save_images(self._last.x_t, folder, self._recipe)

    def _draw(self, run: Run, checkpoint: Checkpoint, sample: SampleConfig, else_newest: bool) -> None:
        try:
            from ddpm.generate import draw, recipe_of

            network = self._load(run, checkpoint, sample.weights, else_newest)
            self._recipe = recipe_of(network, sample)
            for drawing in draw(network, sample):
                self._last = drawing
                self._post(drawing)
                if self._stop_asked.is_set():
                    self._recipe["stopped_after"] = drawing.done
                    break
        except DDPMError as error:
            self.error = str(error)
        except Exception as error:
            self.error = f"Drawing failed. {traceback.format_exception_only(error)[-1].strip()}"

    def _load(self, run: Run, checkpoint: Checkpoint, weights: str, else_newest: bool) -> "Network":
        from ddpm.generate import load_network, load_newest_network

        wanted = (checkpoint.path, weights)
        if self._network is None or self._network[0] != wanted:
            try:
                network = load_network(run, checkpoint, weights)
            except CheckpointGoneError:
                if not else_newest:
                    raise
                network = load_newest_network(run, weights)
                self.note = (
                    f"Drawn from step {network.step:,}, as step {checkpoint.step:,} was deleted meanwhile."
                )
                wanted = (run.checkpoints_path / step_name(network.step), weights)
            self._network = (wanted, network)
        return self._network[1]

    def _post(self, drawing: "Drawing") -> None:
        frame = Frame(
            drawing.done,
            drawing.total,
            drawing.x_t[:SHOWN_AT_MOST].numpy(),
            drawing.x_0[:SHOWN_AT_MOST].numpy(),
        )
        with self._guard:
            self._frame = frame
