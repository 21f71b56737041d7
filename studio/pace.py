"""How long a training step of a recipe takes on this machine, measured on steps that nobody keeps. Imports torch."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ddpm.config import Config
from ddpm.data import DeviceImages
from ddpm.datasets import DATASETS, filled_in, open_stored
from ddpm.device import describe_device, pick_device
from ddpm.errors import MissingDataError
from ddpm.events import StepDone
from ddpm.memory_check import refuse_too_large
from ddpm.microbatches import release_memory
from ddpm.progress import Progress
from ddpm.sources.imageset import ImageSet
from ddpm.sources.stored import summary_of, worker_count
from ddpm.trainer import Trainer
from studio.long_job import GivenUpError

# The first steps are slower: kernels are chosen and memory is taken. A slow network warms up in fewer.
_WARM_UP, _ENOUGH = 3, 200
_MOST_IMAGES, _MOST_NUMBERS = 2048, 2**26
_NEVER = 10**9


@dataclass(frozen=True)
class Pace:
    """So many steps took so many seconds together, on a device with a name for people."""

    steps: int
    seconds: float
    device: str

    @property
    def seconds_a_step(self) -> float:
        return self.seconds / self.steps


def paces(
    config: Config, data_root: Path, given_up: Callable[[], bool], most_seconds: float = 5.0
) -> Iterator[Pace]:
    """Train the recipe's own network on its own batches for some seconds, and give the pace after every step.

    Ends after the step in which ``given_up`` says so. Nothing is written, and the images are few enough to lie in
    memory: reading a large data set from the disk while training is not measured. Raises DDPMError where the recipe
    cannot be trained here.
    """
    device = pick_device(config.train.device)

    def reading(_what: str, _done: int, _total: int) -> None:
        if given_up():
            raise GivenUpError

    try:
        config, images = _some_images(_unrecorded(config), data_root, device, reading)
    except GivenUpError:
        return
    refuse_too_large(config, device)
    events = Trainer(config, images).run()
    try:
        began = time.perf_counter()
        steps, warm = 0, began
        for event in events:
            if not isinstance(event, StepDone):
                continue
            if given_up():
                return
            now = time.perf_counter()
            if event.step <= _WARM_UP and (event.step == 1 or now - began < most_seconds):
                warm = now
                continue
            steps += 1
            yield Pace(steps, now - warm, describe_device(device))
            if now - warm >= most_seconds or steps >= _ENOUGH:
                return
    finally:
        events.close()  # type: ignore[attr-defined]
        del events
        release_memory(device)


def _unrecorded(config: Config) -> Config:
    """The recipe without an end, and without all that comes between steps."""
    endless = {"steps": _NEVER, "max_minutes": None, "held_out_every": 0}
    rare = dict.fromkeys(("log_every", "checkpoint_every", "ema_snapshot_every"), _NEVER)
    return config.with_values({"train": {**endless, **rare}, "previews": {"every": 0}})


def _some_images(
    config: Config, data_root: Path, device: torch.device, progress: Progress
) -> tuple[Config, DeviceImages]:
    """Images from all over the data set; where it is not on this disk yet, black ones of its shape."""
    try:
        stored = open_stored(config.data, data_root, progress=progress)
    except MissingDataError:
        if config.data.source not in DATASETS:
            raise
        return _black_images(config, device)
    height, width = stored.image_size
    most = min(stored.n, _MOST_IMAGES, max(1, _MOST_NUMBERS // (stored.channels * height * width)))
    chosen = stored.take(np.linspace(0, stored.n - 1, most).astype(np.int64))
    found = chosen.load(worker_count(config.data.workers), progress)
    images = DeviceImages(found, config.train.seed, device, flip=config.data.flip)
    return filled_in(config, summary_of(stored)), images


def _black_images(config: Config, device: torch.device) -> tuple[Config, DeviceImages]:
    named = DATASETS[config.data.source]
    size, channels = config.data.image_size or named.image_size, config.data.channels or named.channels
    found = ImageSet(named.name, np.zeros((1, channels, *size), np.uint8))
    return filled_in(config, found), DeviceImages(found, config.train.seed, device, flip=config.data.flip)
