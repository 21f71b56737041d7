"""Measure a trained network on images: its loss by timestep, and the variational bound in bits per dimension.

Which images are taken, at which timesteps and with which noise follows from the seed alone, whatever the batch
size. The network computes in float32 here, whatever it was trained in.
"""

import math
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from ddpm import schedules
from ddpm.config import Config, DiffusionConfig
from ddpm.data import Batch, to_unit
from ddpm.datasets import open_data, open_held_out
from ddpm.device import out_of_memory_told
from ddpm.diffusion import Gaussian, at, q_posterior, q_sample
from ddpm.errors import ConfigError, DataError, RunError, TrainingError
from ddpm.evaluation_config import EvaluationConfig, Metric, StepVariance
from ddpm.files import json_bytes, replace_file
from ddpm.generate import Network
from ddpm.likelihood import fixed_variance, learned_variance, prior_term, vlb_terms
from ddpm.objectives import diffusion_loss, predict, predicted_x_0, split_output
from ddpm.randomness import SampleNoise, derived_seed, generator
from ddpm.runs import Run
from ddpm.schedules import Schedule
from ddpm.sources.imageset import ImageSet

Split = Literal["held-out", "train"]


@dataclass(frozen=True)
class Progress:
    """``done`` of the ``total`` calls of the network that one metric takes, counted in images."""

    metric: Metric
    done: int
    total: int


@dataclass(frozen=True)
class LossBin:
    """The mean loss over the timesteps ``first`` to ``last``, both included."""

    first: int
    last: int
    loss: float


@dataclass(frozen=True)
class Loss:
    """The loss that the recipe trains on, weights and all, over every t alike, and by ranges of t."""

    mean: float
    bins: tuple[LossBin, ...]


@dataclass(frozen=True)
class BitsPerDimension:
    """The variational bound: an upper bound on the bits that one 8-bit value of an image takes, and its parts.

    ``total`` = ``prior`` + ``steps`` + ``decoder``; ``terms`` holds each t's share, the decoder's first, and
    ``steps`` sums those from t = 1. ``standard_error`` is that of ``total`` over the images.
    """

    total: float
    standard_error: float
    prior: float
    steps: float
    decoder: float
    variance: StepVariance
    terms: tuple[float, ...]


@dataclass(frozen=True)
class Evaluation:
    """What was measured on ``n`` images; None what was not asked for."""

    n: int
    loss: Loss | None
    bits_per_dimension: BitsPerDimension | None


def evaluate(
    network: Network, image_set: ImageSet, options: EvaluationConfig
) -> Iterator[Progress | Evaluation]:
    """Measure, telling the progress; the last item is the Evaluation. Close the iterator to stop early.

    Raises ConfigError for a learned variance that the network does not have, DataError where the classes of the
    images are not those that the network was trained with, and TrainingError where the result is not a number.
    """
    variance = step_variance(network.config.diffusion, options.variance)
    _check_classes(network, image_set)
    images = _Chosen(network, image_set, options)
    loss = bits = None
    with out_of_memory_told("a smaller batch size"):
        if "loss" in options.metrics:
            loss = yield from _loss(network, images, options)
        if "bpd" in options.metrics:
            bits = yield from _bits_per_dimension(network, images, options, variance)
    _check_finite("loss", loss.mean if loss else 0.0)
    _check_finite("bits per dimension", bits.total if bits else 0.0)
    yield Evaluation(images.n, loss, bits)


def step_variance(config: DiffusionConfig, asked: StepVariance | None) -> StepVariance:
    """The variance of a step back for the bound. Raises ConfigError where it was to be learned, but was not."""
    if asked == "learned" and config.variance == "fixed":
        raise ConfigError(
            "This network has not learned a variance (its recipe says diffusion.variance = fixed): "
            "use the variance posterior or beta."
        )
    return asked or ("learned" if config.variance == "learned" else "posterior")


class _Chosen:
    """The images of an evaluation, in batches on the network's device."""

    def __init__(self, network: Network, image_set: ImageSet, options: EvaluationConfig) -> None:
        order = torch.randperm(image_set.n, generator=generator(options.seed, "evaluated images", 0))
        chosen = order[: options.n].sort().values
        conditional = network.config.num_classes > 0 and image_set.labels is not None
        self.n = len(chosen)
        self._images = torch.as_tensor(image_set.images[chosen.numpy()])
        self._labels = torch.as_tensor(image_set.labels)[chosen] if conditional else None
        self._device = network.device
        self._batch_size = options.batch_size

    def batches(self) -> Iterator[tuple[range, Batch]]:
        """Each batch, with the numbers of its images among the chosen."""
        for first in range(0, self.n, self._batch_size):
            numbers = range(first, min(first + self._batch_size, self.n))
            part = slice(numbers.start, numbers.stop)
            labels = None if self._labels is None else self._labels[part].to(self._device)
            yield numbers, Batch(to_unit(self._images[part].to(self._device)), labels)


@torch.no_grad()
def _loss(network: Network, images: _Chosen, options: EvaluationConfig) -> Generator[Progress, None, Loss]:
    """Every image at one random t of each bin, so that all of 0 ... T - 1 is covered evenly."""
    config = network.config.diffusion
    schedule = schedules.build(config)
    n_bins = min(options.bins, config.T)
    edges = [config.T * number // n_bins for number in range(n_bins + 1)]
    places = torch.rand(images.n, n_bins, generator=generator(options.seed, "evaluated timesteps", 0))
    sums = torch.zeros(n_bins, dtype=torch.float64)
    for numbers, (x_0, labels) in images.batches():
        noise = _noise(network, options.seed, "loss", numbers)
        for number, (first, end) in enumerate(pairwise(edges)):
            place = places[numbers.start : numbers.stop, number]
            t = (first + (place * (end - first)).long()).clamp(max=end - 1).to(network.device)
            losses = diffusion_loss(network.unet, config, schedule, x_0, t, noise.draw(), labels)
            sums[number] += losses.cpu().double().sum()
            yield Progress("loss", numbers.start * n_bins + len(numbers) * (number + 1), images.n * n_bins)
    means = (sums / images.n).tolist()
    bins = tuple(
        LossBin(first, end - 1, mean) for (first, end), mean in zip(pairwise(edges), means, strict=True)
    )
    return Loss(sum(part.loss * (part.last - part.first + 1) for part in bins) / config.T, bins)


@torch.no_grad()
def _bits_per_dimension(
    network: Network, images: _Chosen, options: EvaluationConfig, variance: StepVariance
) -> Generator[Progress, None, BitsPerDimension]:
    """Every image at every t, each with noise of its own (Nichol & Dhariwal 2021, section 3)."""
    config = network.config.diffusion
    schedule = schedules.build(config)
    terms = torch.zeros(config.T, dtype=torch.float64)
    prior = 0.0
    totals = torch.zeros(images.n, dtype=torch.float64)
    for numbers, (x_0, labels) in images.batches():
        noise = _noise(network, options.seed, "bpd", numbers)
        in_batch = slice(numbers.start, numbers.stop)
        of_prior = prior_term(schedule, x_0).cpu().double()
        prior += float(of_prior.sum())
        totals[in_batch] += of_prior
        for done, step in enumerate(reversed(range(config.T)), start=1):
            t = torch.full((len(x_0),), step, device=network.device)
            x_t = q_sample(schedule, x_0, t, noise.draw())
            p = _step_back(config, schedule, x_t, t, predict(network.unet, x_t, t, labels), variance)
            bits = vlb_terms(schedule, x_0, x_t, t, p).cpu().double()
            terms[step] += bits.sum()
            totals[in_batch] += bits
            yield Progress("bpd", numbers.start * config.T + len(numbers) * done, images.n * config.T)
    terms = terms / images.n
    return BitsPerDimension(
        total=float(totals.mean()),
        standard_error=float(totals.std()) / math.sqrt(images.n) if images.n > 1 else 0.0,
        prior=prior / images.n,
        steps=float(terms[1:].sum()),
        decoder=float(terms[0]),
        variance=variance,
        terms=tuple(terms.tolist()),
    )


def _step_back(
    config: DiffusionConfig,
    schedule: Schedule,
    x_t: Tensor,
    t: Tensor,
    output: Tensor,
    variance: StepVariance,
) -> Gaussian:
    """p(x_{t-1} | x_t) as a network's output describes it, its expected x_0 clipped to [-1, 1] as when sampling."""
    prediction, interpolation = split_output(config, output)
    x_0 = predicted_x_0(config, schedule, x_t, t, prediction).clamp(-1, 1)
    mean = q_posterior(schedule, x_0, x_t, t).mean
    if variance == "learned":
        assert interpolation is not None  # step_variance has seen to it
        return Gaussian(mean, learned_variance(schedule, t, interpolation))
    return Gaussian(mean, at(fixed_variance(schedule, variance), t, x_t))


def _noise(network: Network, seed: int, metric: Metric, numbers: range) -> SampleNoise:
    """A stream of noise for every image, the same in whatever batch it is."""
    own_seed = derived_seed(seed, f"evaluated {metric}", 0)
    return SampleNoise(own_seed, numbers, network.config.data.shape, network.device)


def _check_classes(network: Network, image_set: ImageSet) -> None:
    trained = network.config.data.class_names
    if network.config.num_classes and image_set.class_names != trained:
        raise DataError(
            f"The network was trained with the classes {', '.join(trained)}, but {image_set.name} has "
            f"{', '.join(image_set.class_names) or 'none'} now. Put the data set back as it was."
        )


def _check_finite(what: str, value: float) -> None:
    if not math.isfinite(value):
        raise TrainingError(
            f"Measured on these images the {what} of this network is {value}, so its training has gone wrong. "
            "Choose an earlier checkpoint."
        )


def open_evaluated(config: Config, data_root: Path) -> tuple[Split, ImageSet]:
    """The images that a run is to be measured on: those it holds out, else those it trains on, and which they are.

    Raises DataError where the data set cannot be read.
    """
    if config.data.held_out > 0:
        return "held-out", open_held_out(config, data_root)[1]
    return "train", open_data(config, data_root)[1]


def save_evaluation(
    run: Run, network: Network, options: EvaluationConfig, split: Split, evaluation: Evaluation
) -> Path:
    """Write ``evaluations/step-....json`` into the run, named after what was measured. Returns its path.

    Raises RunError where the run cannot be written.
    """
    measured = {
        name: value for name, value in asdict(evaluation).items() if name != "n" and value is not None
    }
    report: dict[str, Any] = {
        "run": run.name,
        "step": network.step,
        "split": split,
        **options.model_dump(mode="json"),
        "n": evaluation.n,
        "device": network.device.type,
        **measured,
    }
    name = f"step-{network.step:08d}-{options.weights}-{split}-n-{evaluation.n}-seed-{options.seed}"
    usual = EvaluationConfig()
    if "loss" in options.metrics and options.bins != usual.bins:
        name += f"-bins-{options.bins}"
    variance = f"-{options.variance}" if options.variance else ""
    path = run.path / "evaluations" / f"{name}-{'-'.join(options.metrics)}{variance}.json"
    try:
        path.parent.mkdir(exist_ok=True)
        replace_file(path, json_bytes(report))
    except OSError as error:
        raise RunError(f"Cannot write the evaluation to {path}: {error.strerror}.") from None
    return path
