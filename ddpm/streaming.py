"""Images that stay on the disk and are read while the network trains, in the order of those in memory."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddpm.data import Batch, mirror, to_unit
from ddpm.order import Showings, ShuffledOrder
from ddpm.sources.stored import StoredImages

_BATCHES_AHEAD = 3


@dataclass(frozen=True)
class _Reading:
    """A batch that is being read."""

    showings: Showings
    images: list[Future[NDArray[np.uint8]]]

    def cancel(self) -> None:
        for image in self.images:
            image.cancel()


class StreamedImages:
    """A data set that is read image by image, some batches ahead of need. Implements TrainingImages.

    Its batches are those of ``DeviceImages``, bit for bit, whatever the number of workers; a resumed run asks for
    the images after those that it has seen, and gets them. Batches may be asked for in any order; those that
    follow at the same distance as before (one process of several skips the batches of the others) are foreseen.
    """

    def __init__(
        self,
        stored: StoredImages,
        seed: int,
        device: torch.device | str = "cpu",
        *,
        flip: bool = False,
        workers: int = 1,
    ) -> None:
        self._stored = stored
        self._device = torch.device(device)
        self._labels = None if stored.labels is None else torch.as_tensor(stored.labels)
        self._order = ShuffledOrder(stored.n, seed, flip=flip)
        self._workers = ThreadPoolExecutor(workers, "image reader")
        self._readings: dict[tuple[int, int], _Reading] = {}
        self._last_seen: int | None = None

    @property
    def device(self) -> torch.device:
        """Where the batches are."""
        return self._device

    def __len__(self) -> int:
        return self._stored.n

    def batch(self, images_seen: int, batch_size: int) -> Batch:
        """The ``batch_size`` images that follow the first ``images_seen``.

        Raises DataError where one of them can be read no more.
        """
        asked = (images_seen, batch_size)
        stride = batch_size if self._last_seen is None else images_seen - self._last_seen
        self._last_seen = images_seen
        ahead = [(images_seen + k * stride, batch_size) for k in range(1, _BATCHES_AHEAD + 1) if stride > 0]
        self._read_only([asked, *ahead])
        return self._on_device(self._readings.pop(asked))

    def _read_only(self, wanted: list[tuple[int, int]]) -> None:
        """Read these batches, in this order, and give up what else is being read."""
        for key in self._readings.keys() - set(wanted):
            self._readings.pop(key).cancel()
        for key in wanted:
            if key not in self._readings:
                self._readings[key] = self._begin(*key)

    def _begin(self, images_seen: int, batch_size: int) -> _Reading:
        showings = self._order.showings(images_seen, batch_size)
        positions = showings.positions.tolist()
        return _Reading(
            showings, [self._workers.submit(self._stored.read, position) for position in positions]
        )

    def _on_device(self, reading: _Reading) -> Batch:
        read = [image.result() for image in reading.images]
        # Laid out as images in memory are: a network that gets other strides computes with other roundings.
        images = torch.from_numpy(np.stack(read, out=np.empty((len(read), *read[0].shape), np.uint8)))
        labels = None if self._labels is None else self._labels[reading.showings.positions]
        x_0 = to_unit(mirror(self._moved(images), reading.showings.mirrored))
        return Batch(x_0, None if labels is None else self._moved(labels))

    def _moved(self, tensor: Tensor) -> Tensor:
        """On the device; from pinned memory, so that the copy does not wait for the steps before it."""
        if self._device.type == "cuda":
            return tensor.pin_memory().to(self._device, non_blocking=True)
        return tensor.to(self._device)
