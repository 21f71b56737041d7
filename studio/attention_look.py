"""Where the network looks, at one step of one image of a drawing. Knows no screen."""

import math
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ddpm.attention import capture_attention
from ddpm.data import to_uint8
from ddpm.errors import DDPMError
from ddpm.generate import Network, denoise
from ddpm.progress import Told, untold
from ddpm.sample_config import SampleConfig
from studio.frames import Pixels
from studio.widgets.ramp import VIRIDIS

Map = NDArray[np.float32]
MARK = (255, 180, 84)


class NoAttentionError(DDPMError):
    """A network has no layer whose attention could be shown."""


@dataclass(frozen=True, eq=False)
class AttentionLook:
    """An image as it is expected at a step, uint8 [C, H, W], and the maps of the layers that led there.

    Each map is [heads, h, w, h, w]: how much of each pixel of a layer, the last two axes, one of its pixels takes,
    with a sum of 1.
    """

    x_0: Pixels
    maps: dict[str, Map]

    def heat(self, layer: str, head: int | None, place: tuple[float, float] | None) -> Map:
        """[h, w]: what the pixel at ``place``, shares of the height and width, takes from each.

        Without a place the mean of all pixels; without a head the mean of the heads.
        """
        found = self.maps[layer]
        of_heads: Map = found.mean(axis=0) if head is None else found[head]
        if place is None:
            return of_heads.mean(axis=(0, 1))  # type: ignore[no-any-return]
        row, column = self.pixel(layer, place)
        return of_heads[row, column]  # type: ignore[no-any-return]

    def pixel(self, layer: str, place: tuple[float, float]) -> tuple[int, int]:
        """The pixel of a layer at shares of the height and width."""
        height, width = self.maps[layer].shape[1:3]
        return min(int(place[0] * height), height - 1), min(int(place[1] * width), width - 1)

    def marked(self, layer: str, place: tuple[float, float] | None) -> Pixels:
        """The image as RGB [3, H, W], with the pixel of the layer that looks in a colour of its own."""
        rgb = np.repeat(self.x_0, 3, axis=0) if len(self.x_0) == 1 else self.x_0[:3].copy()
        if place is not None:
            (row, column), (height, width) = self.pixel(layer, place), self.maps[layer].shape[1:3]
            down, across = rgb.shape[1] / height, rgb.shape[2] / width
            rows = slice(int(row * down), math.ceil((row + 1) * down))
            rgb[:, rows, int(column * across) : math.ceil((column + 1) * across)] = np.array(MARK)[
                :, None, None
            ]
        return rgb


def look(network: Network, recipe: SampleConfig, index: int, step: int, told: Told = untold) -> AttentionLook:
    """Draw image ``index`` of a recipe again up to a denoising step, counted from 1, and keep the maps of that step.

    ``told`` hears of the steps. Raises NoAttentionError where no layer has full attention, and DDPMError as
    drawing does.
    """
    steps = denoise(network.unet, network.config, recipe, range(index, index + 1), network.device)
    for done in range(step - 1):
        told(done, step)
        next(steps)
    with ExitStack() as stack:
        maps = stack.enter_context(capture_attention(network.unet))
        reached = next(steps)
    if not maps:
        raise NoAttentionError(
            "This network has no layer with full attention, so there is nothing to show: train one with "
            "model.attention_levels or model.middle_attention."
        )
    x_0 = to_uint8(reached.x_0)[0].cpu().numpy()
    return AttentionLook(x_0, {name: _square(found[0], x_0.shape[1:]) for name, found in maps.items()})


def step_of(done: int, index: int, recipe: SampleConfig) -> int:
    """The denoising step that an image was at when ``done`` steps of a drawing, all batches counted, were done."""
    before = index // recipe.batch_size * recipe.steps
    return min(max(done - before, 1), recipe.steps)


def heat_picture(heat: Map) -> Pixels:
    """Numbers [h, w] as colours, uint8 [3, h, w], the largest the lightest."""
    stops = np.array([[int(name[at : at + 2], 16) for at in (1, 3, 5)] for name in VIRIDIS])
    shares = heat / max(float(heat.max()), 1e-12)
    places = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(shares, places, stops[:, channel]) for channel in range(3)]).astype(np.uint8)


def _square(found: Tensor, image_size: tuple[int, ...]) -> Map:
    """[heads, h*w, h*w] as [heads, h, w, h, w]: h and w are those of the image, shrunk alike."""
    heads, pixels, _ = found.shape
    factor = math.sqrt(image_size[0] * image_size[1] / pixels)
    height = max(1, round(image_size[0] / factor))
    width = pixels // height
    return found.float().cpu().numpy().reshape(heads, height, width, height, width)
