"""A drawing's recipe made into functions: which sampler, of which denoiser. The one place that knows them by name."""

from functools import partial

import torch
from torch import Tensor

from ddpm import denoisers, samplers, schedules, solvers
from ddpm.config import Config
from ddpm.denoisers import Denoiser, Wrapper
from ddpm.device import pick_precision
from ddpm.objectives import Network
from ddpm.sample_config import SampleConfig
from ddpm.sample_recipe import label_numbers
from ddpm.samplers import BoundSampler, Sampler


def bound_sampler(
    network: Network, config: Config, sample: SampleConfig, indices: range, device: torch.device
) -> BoundSampler:
    """The sampler of a fitted recipe with the network, the schedule and its options bound, for some images of it."""
    schedule = schedules.build(config.diffusion)
    if sample.sampler == "ddpm" and sample.variance == "learned":
        predict = _told_classes(network, config, sample, indices, device)
        learned = denoisers.of_network_with_fraction(predict, config.diffusion, schedule)
        return partial(samplers.ddpm_learned, denoisers.wrapped(learned, _limit(sample)), schedule)
    return partial(_sampler(sample), denoiser_of(network, config, sample, indices, device), schedule)


def denoiser_of(
    network: Network, config: Config, sample: SampleConfig, indices: range, device: torch.device
) -> Denoiser:
    """The denoiser that ``bound_sampler`` uses, without a learned variance."""
    schedule = schedules.build(config.diffusion)
    predict = _told_classes(network, config, sample, indices, device)
    return _limit(sample)(denoisers.of_network(predict, config.diffusion, schedule))


def visited(config: Config, sample: SampleConfig) -> list[int]:
    """The timesteps of a drawing. Raises ConfigError for more of them than the network's T."""
    return schedules.timesteps(config.diffusion.T, sample.steps, sample.spacing)


def _sampler(sample: SampleConfig) -> Sampler:
    match sample.sampler:
        case "ddpm":
            return partial(samplers.ddpm, variance="beta" if sample.variance == "beta" else "posterior")
        case "ddim":
            return partial(samplers.ddim, eta=_filled_in(sample.eta))
        case "euler":
            return samplers.euler
        case "euler-ancestral":
            return partial(samplers.euler_ancestral, eta=_filled_in(sample.eta))
        case "heun":
            return solvers.heun
        case "dpm++2m":
            return solvers.dpm_solver_2m
        case "dpm++2m-sde":
            return partial(solvers.dpm_solver_2m, eta=_filled_in(sample.eta))


def _limit(sample: SampleConfig) -> Wrapper:
    match sample.clip:
        case "static":
            return denoisers.clipped
        case "dynamic":
            return partial(denoisers.thresholded, quantile=_filled_in(sample.threshold_quantile))
        case "none":
            return lambda denoiser: denoiser


def _filled_in(value: float | None) -> float:
    assert value is not None  # a fitted recipe leaves nothing open that is used
    return value


def _told_classes(
    network: Network, config: Config, sample: SampleConfig, indices: range, device: torch.device
) -> Denoiser:
    """The network as a function of x_t and t alone; image i has the same class in whatever batch it is drawn."""
    network = _in_float32(network, config, device)
    numbers = label_numbers(sample, config)
    if numbers is None:
        return network
    labels = torch.tensor([numbers[index % len(numbers)] for index in indices], device=device)
    if sample.guidance_scale == 1:
        return denoisers.of_class(network, labels)
    return denoisers.guided_to_class(network, labels, config.num_classes, sample.guidance_scale)


def _in_float32(network: Network, config: Config, device: torch.device) -> Network:
    """The network computed in the recipe's precision, its predictions in float32."""
    precision = pick_precision(config.train.precision, device)

    def predict(*inputs: Tensor) -> Tensor:
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            output = network(*inputs)
        return output.float()

    return predict
