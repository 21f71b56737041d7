"""Draw images from a trained network: from a checkpoint and a recipe to PNGs."""

import shutil
import textwrap
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ddpm import objectives, sampling, unet
from ddpm.checkpoint import Checkpoint, find_checkpoint
from ddpm.config import Config
from ddpm.data import to_uint8
from ddpm.device import out_of_memory_told, pick_device, pick_precision
from ddpm.errors import CheckpointError, CheckpointGoneError, MemoryFullError, RunError
from ddpm.files import json_bytes, replace_file
from ddpm.images import columns_for, legible_grid, write_png
from ddpm.progress import Told, untold
from ddpm.randomness import SampleNoise
from ddpm.recipe_check import refuse_other_recipe, refuse_other_size
from ddpm.runs import Run
from ddpm.sample_config import SampleConfig
from ddpm.sample_recipe import fitted
from ddpm.samplers import Step
from ddpm.stored_weights import read_weights


@dataclass(frozen=True, eq=False)
class Network:
    """A trained network, ready to draw: with the recipe it was trained by and the step it was trained to."""

    unet: nn.Module
    config: Config
    step: int
    device: torch.device
    weights: str
    run_name: str = ""


@dataclass(frozen=True, eq=False)
class Drawing:
    """Images in the making: batches that are finished, and one between noise and image.

    ``done`` of ``total`` denoising steps are over, all batches counted.
    """

    done: int
    total: int
    finished: tuple[Tensor, ...]
    step: Step
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
    run: Run, checkpoint: Checkpoint, weights: str = "ema", device: str = "auto", told: Told = untold
) -> Network:
    """The network of a checkpoint, without its data set; ``weights`` as ``stored_weights.read_weights`` names them.

    ``told`` hears of the bytes that are read.

    Raises CheckpointError, ConfigError or DeviceError.
    """
    config = run.config()
    where = pick_device(device)
    tensors, state = read_weights(checkpoint, weights, run.snapshots_path, told)
    refuse_other_recipe(state, config, checkpoint.path)
    try:
        refuse_other_size(tensors, config)
    except ValueError as error:
        raise CheckpointError(f"The weights in {checkpoint.path} are of another network: {error}.") from None
    network = unet.build(config)
    load_weights(network, tensors, checkpoint)
    return Network(network.to(where).eval(), config, int(state["step"]), where, weights, run.name)


def load_newest_network(run: Run, weights: str = "ema", device: str = "auto", told: Told = untold) -> Network:
    """The network of the newest whole checkpoint of a run, which may be trained meanwhile.

    Where that one is deleted while it is read, it is the newest whole one then. Raises as load_network does.
    """
    while True:
        newest = find_checkpoint(run.checkpoints_path, None)
        try:
            return load_network(run, newest, weights, device, told)
        except CheckpointGoneError:
            continue  # the run itself may be gone; looking for its newest again tells


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

    Raises ConfigError for what the network cannot do, before anything is drawn, and MemoryFullError.
    """
    sample = fitted(sample, network.config)

    def start(indices: range) -> Iterator[Step]:
        return denoise(network.unet, network.config, sample, indices, network.device)

    return draw_in_batches(start, sample.n, sample.batch_size, sample.steps)


def draw_in_batches(
    start: Callable[[range], Iterator[Step]], n: int, batch_size: int, steps: int
) -> Iterator[Drawing]:
    """Draw n images, ``batch_size`` at once; ``start`` begins those with some indices, which takes ``steps``.

    Where memory ends, a batch is begun again with half as many images, as often as it takes. Raises MemoryFullError
    when a single image is too much.
    """
    batches = deque(_batches(0, n, batch_size))
    finished: tuple[Tensor, ...] = ()
    while batches:
        done, total = len(finished) * steps, (len(finished) + len(batches)) * steps
        try:
            with out_of_memory_told("a device with more of it"):
                for step in start(batches[0]):
                    yield Drawing(done + step.step, total, finished, step, n)
        except MemoryFullError:
            if len(batches[0]) == 1:
                raise
            batches = deque(_batches(batches[0].start, n, len(batches[0]) // 2))
            continue
        finished = (*finished, to_uint8(step.x_t).cpu())
        batches.popleft()


def _batches(first: int, n: int, batch_size: int) -> list[range]:
    return [range(i, min(i + batch_size, n)) for i in range(first, n, batch_size)]


def denoise(
    network: objectives.Network, config: Config, sample: SampleConfig, indices: range, device: torch.device
) -> Iterator[Step]:
    """Draw the images ``indices`` of a recipe in one batch, float32 [B, C, H, W] in [-1, 1].

    Image i is the same in whatever batch it is drawn, but for the rounding of another batch's kernels. The network
    is called with (x_t, t), one that is told classes with (x_t, t, labels). Raises ConfigError for what it cannot do.
    """
    sample = fitted(sample, config)
    noise = SampleNoise(sample.seed, indices, config.data.shape, device)
    sampler = sampling.bound_sampler(network, config, sample, indices, device)
    return sampler(noise.draw(), sampling.visited(config, sample), noise.draw)


def recipe_of(network: Network, sample: SampleConfig) -> dict[str, Any]:
    """Everything needed to draw the same images again, as JSON."""
    channels, height, width = network.config.data.shape
    return {
        "run": network.run_name,
        "step": network.step,
        **fitted(sample, network.config).model_dump(mode="json"),
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


def save_images(
    images: Tensor,
    out: Path,
    recipe: dict[str, Any],
    recipe_name: str = "sample.json",
    told: Told = untold,
) -> Path:
    """Write uint8 [n, C, H, W] below ``out``: 0000.png ... at native size, a legible grid.png, and the recipe.

    Returns the path of the grid; ``told`` hears of the images. Raises RunError when the place cannot be written. A
    folder that is new goes again where the work is ended.
    """
    pixels = images.numpy()
    digits = max(4, len(str(len(pixels) - 1)))
    is_new = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        if (out / recipe_name).exists():
            # Of an earlier drawing, which may have had more images than this one.
            for old in out.glob("[0-9][0-9][0-9][0-9]*.png"):
                old.unlink()
        for index, image in enumerate(pixels):
            told(index, len(pixels))
            write_png(out / f"{index:0{digits}d}.png", image)
        write_png(out / "grid.png", legible_grid(pixels, recipe.get("columns")))
        replace_file(out / recipe_name, json_bytes(recipe))
    except OSError as error:
        raise RunError(f"Cannot write the images to {out}: {error.strerror}. Choose another place.") from None
    except BaseException:
        if is_new:
            shutil.rmtree(out, ignore_errors=True)
        raise
    return out / "grid.png"
