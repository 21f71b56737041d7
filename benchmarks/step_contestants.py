"""Trainers that take the same step: ours and two peers', each as its own code builds it, on data in memory.

As a program this is one contestant, told by lines: see ``serve``.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

BATCH = 64
SIZE = 32
IMAGES = 2048
MATRIX = 2048


@dataclass(frozen=True)
class Contestant:
    """A network in training, the step that trains it on one more batch, and the type that it multiplies in."""

    network: nn.Module
    step: Callable[[], None]
    dtype: torch.dtype = torch.float32


@dataclass(frozen=True)
class Shape:
    """A network as ours and diffusers both build it: channels of each level, and the level with attention."""

    multiples: tuple[int, ...]
    attention: int


SHAPES = {"three levels": Shape((1, 2, 4), 2), "six levels": Shape((1, 1, 2, 2, 4, 4), 4)}
BASE = 32


def images(channels: int) -> np.ndarray:
    """Random bytes [N, C, H, W]: how long a step takes does not depend on what is in them."""
    return np.random.default_rng(0).integers(0, 256, (IMAGES, channels, SIZE, SIZE), dtype=np.uint8)


# Of ours alone: networks of as many parameters as those of SHAPES, most of them where the image is small. Width,
# blocks and attention are those of the preset ``mnist``, with a level or two more.
NARROW = {"narrow, four levels": (1, 2, 4, 10), "narrow, five levels": (1, 2, 4, 8, 12)}


def ours(channels: int, model: dict[str, object], **train: object) -> Contestant:
    """The library's own Trainer with its events: moving average, clipping and metrics are part of the step.

    ``train`` takes the place of what a recipe says of training.
    """
    from ddpm.config import Config
    from ddpm.data import DeviceImages
    from ddpm.device import pick_device
    from ddpm.events import StepDone
    from ddpm.sources.imageset import ImageSet
    from ddpm.trainer import Trainer

    config = Config.build(
        {
            "data": {"image_size": (SIZE, SIZE), "channels": channels},
            "model": {"dim": BASE, "attention_head_dim": 64, **model},
            "previews": {"every": 0},
            "train": {"steps": 10**6, "batch_size": BATCH, "checkpoint_every": 10**6, **train},
        }
    )
    data = DeviceImages(ImageSet("random", images(channels)), 0, pick_device("auto"))
    trainer = Trainer(config, data)
    events = trainer.run()

    def step() -> None:
        while not isinstance(next(events), StepDone):
            pass

    return Contestant(trainer.network, step, trainer.precision)


def diffusers(channels: int, shape: Shape) -> Contestant:
    """The step of diffusers' examples/unconditional_image_generation, with its defaults: float32, AdamW, no average."""
    from diffusers import DDPMScheduler, UNet2DModel

    levels = range(len(shape.multiples))
    attended = ["Attn" if level == shape.attention else "" for level in levels]
    network = UNet2DModel(
        sample_size=SIZE,
        in_channels=channels,
        out_channels=channels,
        layers_per_block=2,
        block_out_channels=tuple(BASE * multiple for multiple in shape.multiples),
        down_block_types=tuple(f"{kind}DownBlock2D" for kind in attended),
        up_block_types=tuple(f"{kind}UpBlock2D" for kind in reversed(attended)),
    ).to(_device())
    scheduler = DDPMScheduler(num_train_timesteps=1000)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, betas=(0.95, 0.999), weight_decay=1e-6)
    next_batch = _batches(channels, low=-1.0)

    def step() -> None:
        clean = next_batch()
        noise = torch.randn_like(clean)
        t = torch.randint(0, 1000, (len(clean),), device=clean.device)
        loss = F.mse_loss(network(scheduler.add_noise(clean, noise, t), t).sample, noise)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        loss.item()

    return Contestant(network, step)


def denoising_diffusion_pytorch(channels: int) -> Contestant:
    """The step of that package's Trainer with its defaults: float32, Adam, the average every tenth step."""
    from denoising_diffusion_pytorch import GaussianDiffusion, Unet
    from ema_pytorch import EMA

    network = Unet(dim=BASE, dim_mults=(1, 2, 4), channels=channels)
    diffusion = GaussianDiffusion(network, image_size=SIZE).to(_device())
    optimizer = torch.optim.Adam(diffusion.parameters(), lr=1e-4, betas=(0.9, 0.99))
    average = EMA(diffusion, beta=0.995, update_every=10)
    next_batch = _batches(channels, low=0.0)

    def step() -> None:
        loss = diffusion(next_batch())
        loss.item()
        loss.backward()
        nn.utils.clip_grad_norm_(diffusion.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        average.update()

    return Contestant(network, step)


def _batches(channels: int, low: float) -> Callable[[], Tensor]:
    """Batches for a peer, floats from ``low`` to 1: all floats beforehand, so that its step has nothing to decode."""
    floats = torch.as_tensor(images(channels)).float().div(255).mul(1 - low).add(low).to(_device())

    def batch() -> Tensor:
        return floats[torch.randint(0, IMAGES, (BATCH,), device=floats.device)]

    return batch


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def build(name: str, channels: int) -> Contestant:
    """The contestant "<who>: <shape>"; who may be "ours", "ours, float32" or a peer, the shape one of NARROW."""
    who, _, shape_name = name.partition(": ")
    shape = SHAPES.get(shape_name)
    if who == "diffusers":
        return diffusers(channels, shape)
    if who == "denoising-diffusion-pytorch":
        return denoising_diffusion_pytorch(channels)
    precision = "float32" if who.endswith("float32") else "auto"
    if shape_name in NARROW:
        return ours(channels, {"dim": 16, "dim_mults": NARROW[shape_name], "blocks_per_level": 1})
    if shape is None:  # a network with as many parameters as denoising-diffusion-pytorch's
        return ours(channels, {"dim_mults": (1, 2, 4), "blocks_per_level": 1})
    model = {"dim_mults": shape.multiples, "attention_levels": (shape.attention,)}
    return ours(channels, model, precision=precision)


def flops_of(contestant: Contestant) -> int:
    """Floating-point operations of one step, by torch's counter: convolutions, matrix products and attention."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        contestant.step()
    return counter.get_total_flops()


def product_rate(dtype: torch.dtype) -> float:
    """Operations a second of a product of two matrices of 2048 x 2048: the most that this machine gives now."""
    a = torch.randn(MATRIX, MATRIX, device=_device()).to(dtype)
    products = 400 if torch.cuda.is_available() else 4  # enough that starting and waiting count for little
    a @ a
    wait()
    started = time.perf_counter()
    for _ in range(products):
        a @ a
    wait()
    return products * 2 * MATRIX**3 / (time.perf_counter() - started)


def wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def serve(name: str, channels: int) -> None:
    """Answer each line of stdin, a number of steps, with one JSON object: seconds, CPU seconds, and the product rate.

    The first line goes out unasked: parameters, operations of a step and type.
    """
    contestant = build(name, channels)
    contestant.step()
    about = {
        "parameters": sum(p.numel() for p in contestant.network.parameters()),
        "flops": flops_of(contestant),
        "dtype": str(contestant.dtype).removeprefix("torch."),
    }
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        contestant.step()  # the first after a pause finds cold caches
        wait()
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(int(line)):
            contestant.step()
        wait()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(json.dumps({"wall": wall, "cpu": cpu, "rate": product_rate(contestant.dtype)}), flush=True)


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[3]))
    serve(sys.argv[1], int(sys.argv[2]))
