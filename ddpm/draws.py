"""What is random in a training step, counted by the step: the same whoever asks, and however often."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from ddpm.config import Config
from ddpm.data import TrainingImages
from ddpm.errors import DataError
from ddpm.objectives import random_timesteps
from ddpm.randomness import derived_seed, generator


@dataclass(frozen=True, eq=False)
class Draws:
    """One batch: images x_0 and noise eps [B, C, H, W], t int64 [B], and the classes that are told, int64 [B]."""

    x_0: Tensor
    t: Tensor
    eps: Tensor
    labels: Tensor | None

    def __len__(self) -> int:
        return len(self.x_0)

    def parts(self, images: int) -> Iterator["Draws"]:
        """The same draws, so many images at a time; the last part may have fewer."""
        for first in range(0, len(self), images):
            part = slice(first, first + images)
            labels = None if self.labels is None else self.labels[part]
            yield Draws(self.x_0[part], self.t[part], self.eps[part], labels)


def draw_step(config: Config, images: TrainingImages, step: int, images_seen: int) -> Draws:
    """All that training step ``step`` (0 for the first) draws but dropout, on the device of the images.

    Always for the whole batch, however that is then taken apart. Raises DataError where a class is to be told and
    the images have none.
    """
    train = config.train
    random = generator(train.seed, "noise", step, images.device)
    x_0, labels = images.batch(images_seen, train.batch_size)
    t = random_timesteps(config.diffusion, len(x_0), random)
    eps = torch.randn(x_0.shape, generator=random, device=images.device)
    return Draws(x_0, t, eps, _told(config, labels, step))


def _told(config: Config, labels: Tensor | None, step: int) -> Tensor | None:
    """The classes that the network is told; those of some images are hidden (Ho & Salimans 2022, algorithm 1)."""
    if not config.num_classes:
        return None
    if labels is None:
        raise DataError(
            f"The data set {config.data.source} has no labels on this disk, which model.class_conditional "
            "needs. Get its file of labels, or train without classes."
        )
    random = generator(config.train.seed, "label dropout", step, labels.device)
    hidden = torch.rand(len(labels), generator=random, device=labels.device) < config.train.label_dropout
    return labels.masked_fill(hidden, config.num_classes)


@contextmanager
def counted_dropout(config: Config, step: int, device: torch.device) -> Iterator[None]:
    """Dropout draws from torch's global generator: seeded by the step here, and given back as it was."""
    if not config.model.dropout:
        yield
        return
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(derived_seed(config.train.seed, "dropout", step))
        yield
