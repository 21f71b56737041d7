"""Draw images from a trained network: from a checkpoint and a recipe to PNGs."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ddpm import objectives, samplers, schedules, unet
from ddpm.checkpoint import Checkpoint, load
from ddpm.config import Config, SampleConfig
from ddpm.data import to_uint8
from ddpm.device import out_of_memory_told, pick_device, pick_precision
from ddpm.errors import CheckpointError, RunError
from ddpm.files import json_bytes, replace_file
from ddpm.images import columns_for, legible_grid, write_png
from ddpm.randomness import SampleNoise
from ddpm.runs import Run


@dataclass(frozen=True, eq=False)
class Network:
    """A trained network, ready to draw: with the recipe it was trained by and the step it was trained to."""

    unet: nn.Module
    config: Config
    step: int
    device: torch.device
    weights: Literal["ema", "raw"]
    run_name: str = ""


@dataclass(frozen=True, eq=False)
class Drawing:
    """Images in the making: batches that are finished, and one between noise and image.

    ``done`` of ``total`` denoising steps are over, all batches counted.
    """

    done: int
    total: int
    finished: tuple[Tensor, ...]
    step: samplers.Step
    n: int

    @property
    def x_t(self) -> Tensor:
        """All images, uint8 [n, C, H, W] on the CPU, those not begun black. The last drawing's are the result."""
        return self._with(self.step.x_t)

    @property
    def x_0(self) -> Tensor:
        """All images as the network expects them to become, uint8 [n, C, H, W] on the CPU."""
        return self._with(self.step.x_0)

    def _with(self, batch: Tensor) -> Tensor:
        begun = torch.cat([*self.finished, to_uint8(batch).cpu()])
        return torch.cat([begun, begun.new_zeros(self.n - len(begun), *begun.shape[1:])])


def load_network(
    run: Run, checkpoint: Checkpoint, weights: Literal["ema", "raw"] = "ema", device: str = "auto"
) -> Network:
    """The network of a checkpoint, without its data set. Raises CheckpointError, ConfigError or DeviceError."""
    config = run.config()
    where = pick_device(device)
    stem = "ema" if weights == "ema" else "model"
    tensors, state = load(checkpoint, stem)
    network = unet.build(config)
    load_weights(network, tensors[stem], checkpoint)
    return Network(network.to(where).eval(), config, int(state["step"]), where, weights, run.name)


def load_weights(network: nn.Module, weights: dict[str, Tensor], checkpoint: Checkpoint) -> None:
    """Put stored weights into a network. Raises CheckpointError when they belong to another one."""
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = textwrap.shorten(" ".join(str(error).splitlines()[1:]) or str(error), 200)
        raise CheckpointError(
            f"The weights do not fit the network that the run's config.toml describes ({checkpoint.path}): {reason}"
        ) from None


def draw(network: Network, sample: SampleConfig) -> Iterator[Drawing]:
    """Draw ``sample.n`` images, with a Drawing after each denoising step; close the iterator to stop early.

    Raises ConfigError when the recipe asks for more steps than the network's T.
    """
    steps = len(schedules.timesteps(network.config.diffusion.T, sample.steps))
    batches = [range(i, min(i + sample.batch_size, sample.n)) for i in range(0, sample.n, sample.batch_size)]
    finished: tuple[Tensor, ...] = ()
    with out_of_memory_told("a smaller --batch-size"):
        for number, indices in enumerate(batches):
            for step in denoise(network.unet, network.config, sample, indices, network.device):
                yield Drawing(number * steps + step.step, len(batches) * steps, finished, step, sample.n)
            finished = (*finished, to_uint8(step.x_t).cpu())


def denoise(
    network: objectives.Network, config: Config, sample: SampleConfig, indices: range, device: torch.device
) -> Iterator[samplers.Step]:
    """Draw the images ``indices`` of a recipe in one batch, float32 [B, C, H, W] in [-1, 1].

    Image i is the same in whatever batch it is drawn, but for the rounding of another batch's kernels.
    """
    schedule = schedules.build(config.diffusion)
    visited = schedules.timesteps(config.diffusion.T, sample.steps)
    noise = SampleNoise(sample.seed, indices, config.data.shape, device)
    denoiser = denoiser_of(network, config, schedule, device)
    if sample.sampler == "ddpm":
        return samplers.ddpm(denoiser, schedule, noise.draw(), visited, noise.draw, variance=sample.variance)
    return samplers.ddim(denoiser, schedule, noise.draw(), visited, noise.draw, eta=sample.eta)


def denoiser_of(
    network: objectives.Network, config: Config, schedule: schedules.Schedule, device: torch.device
) -> samplers.Denoiser:
    """The network as a sampler wants it: the x_0 it expects in float32, computed in the recipe's precision."""
    precision = pick_precision(config.train.precision, device)

    def expected_x_0(x_t: Tensor, t: Tensor) -> Tensor:
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            output = network(x_t, t)
        prediction = objectives.split_output(config.diffusion, output).prediction
        return objectives.predicted_x_0(config.diffusion, schedule, x_t, t, prediction.float())

    return expected_x_0


def recipe_of(network: Network, sample: SampleConfig) -> dict[str, Any]:
    """Everything needed to draw the same images again, as JSON."""
    channels, height, width = network.config.data.shape
    return {
        "run": network.run_name,
        "step": network.step,
        **sample.model_dump(mode="json"),
        "columns": columns_for(sample.n),
        "channels": channels,
        "height": height,
        "width": width,
        "diffusion": network.config.diffusion.model_dump(mode="json"),
        "device": network.device.type,
        "precision": str(pick_precision(network.config.train.precision, network.device)).removeprefix(
            "torch."
        ),
    }


def save_images(images: Tensor, out: Path, recipe: dict[str, Any]) -> Path:
    """Write uint8 [n, C, H, W] below ``out``: 0000.png ... at native size, a legible grid.png, and sample.json.

    Returns the path of the grid. Raises RunError when the place cannot be written.
    """
    pixels = images.numpy()
    digits = max(4, len(str(len(pixels) - 1)))
    try:
        out.mkdir(parents=True, exist_ok=True)
        if (out / "sample.json").exists():
            # Of an earlier drawing, which may have had more images than this one.
            for old in out.glob("[0-9][0-9][0-9][0-9]*.png"):
                old.unlink()
        for index, image in enumerate(pixels):
            write_png(out / f"{index:0{digits}d}.png", image)
        write_png(out / "grid.png", legible_grid(pixels, recipe.get("columns")))
        replace_file(out / "sample.json", json_bytes(recipe))
    except OSError as error:
        raise RunError(
            f"Cannot write the images to {out}: {error.strerror}. Choose another place with --out."
        ) from None
    return out / "grid.png"
