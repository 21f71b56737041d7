"""Edit images with a trained network: from pictures and a recipe to drawings."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from itertools import pairwise

import torch
from torch import Tensor

from ddpm import editing, samplers, sampling, schedules
from ddpm.data import to_unit
from ddpm.device import out_of_memory_told
from ddpm.edit_recipe import ImageConfig, InpaintConfig, InterpolateConfig, fitted_edit
from ddpm.errors import MemoryFullError
from ddpm.generate import Drawing, Network, draw_in_batches
from ddpm.randomness import SampleNoise


def interpolate(network: Network, edit: InterpolateConfig, a: Tensor, b: Tensor) -> Iterator[Drawing]:
    """Draw ``edit.n`` images on the way from a to b, uint8 [C, H, W].

    All get the same noise, so that neighbours differ by their place alone. Raises ConfigError for what the network
    cannot do, and MemoryFullError.
    """
    config, device = network.config, network.device
    edit = fitted_edit(edit, config)
    visited = editing.last_part(sampling.visited(config, edit), edit.strength)
    weights = torch.linspace(0, 1, edit.n, device=device)
    ends = to_unit(torch.stack([a, b])).to(device)
    # Once for all batches, when the first one asks: the way back takes as many calls as the way forth, or more.
    encoded_ends = cache(partial(_encoded, network, edit, ends, visited))

    def start(indices: range) -> Iterator[samplers.Step]:
        encoded = encoded_ends()
        noise = SampleNoise(edit.seed, [0] * len(indices), config.data.shape, device)
        sampler = sampling.bound_sampler(network.unet, config, edit, indices, device)
        among = weights[indices.start : indices.stop]
        yield from editing.interpolate(sampler, encoded[:1], encoded[1:], among, visited, noise.draw)

    return draw_in_batches(start, edit.n, edit.batch_size, len(visited))


def image_to_image(network: Network, edit: ImageConfig, image: Tensor) -> Iterator[Drawing]:
    """Draw ``edit.n`` variations of an image, uint8 [C, H, W].

    Raises ConfigError for what the network cannot do, and MemoryFullError.
    """
    config, device = network.config, network.device
    edit = fitted_edit(edit, config)
    schedule, visited = schedules.build(config.diffusion), sampling.visited(config, edit)
    x_0 = to_unit(image[None]).to(device)

    def start(indices: range) -> Iterator[samplers.Step]:
        noise = SampleNoise(edit.seed, indices, config.data.shape, device)
        sampler = sampling.bound_sampler(network.unet, config, edit, indices, device)
        same = x_0.expand(len(indices), -1, -1, -1)
        return editing.image_to_image(sampler, schedule, same, visited, noise.draw, strength=edit.strength)

    steps = len(editing.last_part(visited, edit.strength))
    return draw_in_batches(start, edit.n, edit.batch_size, steps)


def inpaint(network: Network, edit: InpaintConfig, image: Tensor, mask: Tensor) -> Iterator[Drawing]:
    """Draw ``edit.n`` versions of an image, uint8 [C, H, W], anew where the mask, float32 [1, H, W], is 1.

    Raises ConfigError for what the network cannot do, and MemoryFullError.
    """
    config, device = network.config, network.device
    edit = fitted_edit(edit, config)
    schedule, visited = schedules.build(config.diffusion), sampling.visited(config, edit)
    x_0, where = to_unit(image[None]).to(device), mask[None].to(device)

    def start(indices: range) -> Iterator[samplers.Step]:
        noise = SampleNoise(edit.seed, indices, config.data.shape, device)
        sampler = sampling.bound_sampler(network.unet, config, edit, indices, device)
        same = x_0.expand(len(indices), -1, -1, -1)
        return editing.repaint(
            sampler,
            schedule,
            same,
            where,
            visited,
            noise.draw,
            jump_length=edit.jump_length,
            resample=edit.resample,
        )

    path = editing.walk(len(visited), edit.jump_length, edit.resample)
    steps = sum(then > position for position, then in pairwise(path))
    return draw_in_batches(start, edit.n, edit.batch_size, steps)


def _encoded(network: Network, edit: InterpolateConfig, ends: Tensor, visited: Sequence[int]) -> Tensor:
    """The two ends at the level of the first timestep visited; one after the other where both are too much at once."""
    config, device = network.config, network.device
    schedule = schedules.build(config.diffusion)
    if edit.encode == "noising":
        noise = SampleNoise(edit.seed, [1, 2], config.data.shape, device)
        return editing.noised(schedule, ends, visited[0], noise.draw())

    def inverted(images: Tensor) -> Tensor:
        denoiser = sampling.denoiser_of(network.unet, config, edit, range(len(images)), device)
        return editing.inverted(denoiser, schedule, images, visited, iterations=edit.iterations)

    if edit.batch_size > 1:
        with suppress(MemoryFullError), out_of_memory_told("a device with more of it"):
            return inverted(ends)
    return torch.cat([inverted(ends[:1]), inverted(ends[1:])])
