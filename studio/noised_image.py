"""Real images on their way to noise, and the guesses of two denoisers. Imports torch: use it in a thread."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddpm import schedules
from ddpm.checkpoint import newest_whole
from ddpm.config import Config, DiffusionConfig
from ddpm.data import to_uint8, to_unit
from ddpm.datasets import open_stored, refuse_no_data
from ddpm.denoisers import Denoiser
from ddpm.device import out_of_memory_told
from ddpm.diffusion import q_sample
from ddpm.errors import ConfigError, NoSuchCheckpointError
from ddpm.generate import Network, load_network
from ddpm.ideal_denoiser import candidates, posterior_weights, weighted_mean
from ddpm.progress import Progress, Told, say_nothing, untold
from ddpm.randomness import generator
from ddpm.runs import Run
from ddpm.sample_config import SampleConfig
from ddpm.sample_recipe import fitted
from ddpm.sampling import denoiser_of
from ddpm.schedules import Schedule
from ddpm.sources.stored import worker_count
from ddpm.split import split_positions

Pixels = NDArray[np.uint8]

MOST_IMAGES = 2000
# Numbers of all images together: a guess that reads them all takes a fraction of a second.
MOST_NUMBERS = 2**23
# Multiples of it modulo 1 lie far from each other: neighbours in a folder are often alike.
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, eq=False)
class ImageBank:
    """Images of a data set, float32 [N, C, H, W] in [-1, 1], the classes of each by name, and how many there are."""

    images: Tensor
    classes: tuple[str, ...]
    total: int

    def position(self, number: int) -> int:
        """Where the image of a number lies: each next one far from those before."""
        return int(number * _GOLDEN % 1 * len(self.images))


def load_bank(
    config: Config, data_root: Path, name: str = "This recipe", progress: Progress = say_nothing
) -> ImageBank:
    """The training images of a recipe, or an even choice of them where they are many.

    Raises DataError where they are not on this disk or cannot be read.
    """
    refuse_no_data(config, name)
    stored = open_stored(config.data, data_root, progress=progress)
    height, width = stored.image_size
    most = min(MOST_IMAGES, max(1, MOST_NUMBERS // (stored.channels * height * width)))
    trained = split_positions(stored.n, config.data.held_out, config.train.seed)[0]
    chosen = trained[np.linspace(0, len(trained) - 1, min(most, len(trained))).astype(np.int64)]
    found = stored.take(chosen).load(worker_count(config.data.workers), progress)
    labels = [] if found.labels is None or not found.class_names else found.labels.tolist()
    classes = tuple(found.class_names[label] for label in labels)
    return ImageBank(to_unit(torch.from_numpy(found.images)), classes, len(trained))


@dataclass(frozen=True, eq=False)
class Trained:
    """A run's network and the schedule that it was trained with."""

    network: Network
    schedule: Schedule

    @property
    def step(self) -> int:
        return self.network.step

    def t_like(self, alpha_bar: float) -> int:
        """The t of its own schedule at which the noise is most like that of ``alpha_bar``, by the log of the SNR."""
        snr = alpha_bar / (1 - alpha_bar)
        apart = _log(self.schedule.snr) - _log(torch.tensor(snr, dtype=torch.float64))
        return int(apart.abs().argmin())

    def denoiser(self, label: str) -> Denoiser:
        """What samplers use of it, told the class where it was trained with classes."""
        network = self.network
        told = (label,) if label and network.config.model.class_conditional else ()
        sample = fitted(SampleConfig(n=1, steps=1, label=told), network.config)
        return denoiser_of(network.unet, network.config, sample, range(1), network.device)


def _log(snr: Tensor) -> Tensor:
    return snr.clamp(min=1e-30).log()


def load_trained(run: Run, bank: ImageBank, told: Told = untold) -> Trained:
    """The averaged network of a run's newest whole checkpoint.

    Raises NoSuchCheckpointError where there is none, ConfigError where it takes other images than those of the
    bank, and DDPMError as ``load_network`` does.
    """
    checkpoint = newest_whole(run.checkpoints_path, told)
    if checkpoint is None:
        raise NoSuchCheckpointError("There is no whole checkpoint yet.")
    network = load_network(run, checkpoint, told=told)
    shape = tuple(bank.images.shape[1:])
    if network.config.data.shape != shape:
        raise ConfigError(f"The network takes images of {network.config.data.shape}, and these are {shape}.")
    return Trained(network, schedules.build(network.config.diffusion))


@dataclass(frozen=True, eq=False)
class Guess:
    """An estimate of x_0, uint8 [C, H, W], and how far it is off: the root of the mean square in [-1, 1]."""

    pixels: Pixels
    error: float


@dataclass(frozen=True, eq=False)
class Moment:
    """One image at one t: clean, noised, and guessed by the perfect and by the trained denoiser.

    ``candidates``: between how many images the perfect one hesitates. ``trained_t``: the timestep that the network
    was asked at, where its own schedule has as much noise.
    """

    x_0: Pixels
    x_t: Pixels
    perfect: Guess
    candidates: float
    trained: Guess | None
    trained_t: int


def strip(bank: ImageBank, number: int, diffusion: DiffusionConfig, steps: Sequence[int]) -> list[Pixels]:
    """An image at several t, uint8 [C, H, W] each, all with the same noise."""
    x_0, eps = _image_and_noise(bank, number)
    t = torch.tensor(steps)
    n = len(steps)
    noised = q_sample(schedules.build(diffusion), x_0.expand(n, -1, -1, -1), t, eps.expand(n, -1, -1, -1))
    return list(to_uint8(noised).numpy())


@torch.no_grad()
def moment(
    bank: ImageBank, number: int, diffusion: DiffusionConfig, t: int, trained: Trained | None
) -> Moment:
    """An image at t, and what can be guessed of it. Raises MemoryFullError where the network needs more."""
    schedule = schedules.build(diffusion)
    x_0, eps = _image_and_noise(bank, number)
    step = torch.tensor([t])
    x_t = q_sample(schedule, x_0, step, eps)
    weights = posterior_weights(bank.images, schedule, x_t, step)
    perfect = weighted_mean(bank.images, weights)
    found, trained_t = None, 0
    if trained is not None:
        trained_t = trained.t_like(float(schedule.alpha_bar[t]))
        label = bank.classes[bank.position(number)] if bank.classes else ""
        found = _guess(_ask(trained, x_0, eps, trained_t, label), x_0)
    return Moment(
        _pixels(x_0), _pixels(x_t), _guess(perfect, x_0), float(candidates(weights)), found, trained_t
    )


def _ask(trained: Trained, x_0: Tensor, eps: Tensor, t: int, label: str) -> Tensor:
    """The network's x_0 for the same image and noise in the mixture of its own schedule."""
    step = torch.tensor([t])
    x_t = q_sample(trained.schedule, x_0, step, eps)
    device = trained.network.device
    with out_of_memory_told("a smaller network"):
        return trained.denoiser(label)(x_t.to(device), step.to(device)).cpu()


def _image_and_noise(bank: ImageBank, number: int) -> tuple[Tensor, Tensor]:
    """One image [1, C, H, W] and its noise, the same at every t and for every schedule."""
    position = bank.position(number)
    x_0 = bank.images[position : position + 1]
    return x_0, torch.randn(x_0.shape, generator=generator(0, "schedule explorer", number))


def _guess(estimate: Tensor, x_0: Tensor) -> Guess:
    error = (estimate.double() - x_0).square().mean().sqrt()
    return Guess(_pixels(estimate), float(error))


def _pixels(image: Tensor) -> Pixels:
    pixels: Pixels = to_uint8(image)[0].numpy()
    return pixels
