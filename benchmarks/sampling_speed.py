"""Images drawn per second by ours and by diffusers' pipelines: the same weights, the same steps, in turn.

    python benchmarks/sampling_speed.py [--turns 5] [--steps 5] [--n 32] [--threads 2] [--write]

The network of a preset, with random weights, is exported to a folder that ``DDPMPipeline`` and ``DDIMPipeline`` load;
each turn draws n images. Ours computes as its recipe says, in bfloat16 where the device multiplies it, and the
pipelines in float32 as they are loaded; to see what that is worth, they are also timed under autocast. Needs the extra
``bench``. With ``--write`` the table goes to RESULTS.md.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from results import table, write_section

from ddpm import unet
from ddpm.config import Config, merge
from ddpm.device import pick_device, pick_precision
from ddpm.exchange.diffusers_folder import save_pipeline
from ddpm.generate import Network, draw
from ddpm.presets import preset_values
from ddpm.sample_config import SampleConfig

GOAL = 2.0
TITLE = "Sampling speed"
# Networks that diffusers can be: with one number of groups for every normalisation, and heads of one size.
RECIPES: dict[str, dict] = {
    "preset mnist, 1x28x28": merge(preset_values("mnist"), {"data": {"image_size": (28, 28), "channels": 1}}),
    "dim 32, three levels, 3x32x32": {
        "data": {"image_size": (32, 32), "channels": 3},
        "model": {"dim": 32, "dim_mults": (1, 2, 4), "attention_head_dim": 64},
    },
}


@dataclass
class Drawer:
    """A way of drawing, called once a turn, and the seconds of its turns: of the clock and of the processor."""

    draw: Callable[[], object]
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def turn(self) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        self.draw()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)


def drawers(values: dict, given: argparse.Namespace) -> dict[str, Drawer]:
    """Ours and both pipelines over one network, whose images are random."""
    from diffusers import DDIMPipeline, DDPMPipeline

    device = pick_device("auto")
    config = Config.build(values)
    torch.manual_seed(0)
    network = Network(unet.build(config).to(device).eval(), config, 0, device, "ema")
    with tempfile.TemporaryDirectory() as folder:
        save_pipeline(network, Path(folder))
        ddpm, ddim = (kind.from_pretrained(folder).to(device) for kind in (DDPMPipeline, DDIMPipeline))
    precision = pick_precision("auto", device)

    def ours(sampler: str) -> Drawer:
        sample = SampleConfig(sampler=sampler, steps=given.steps, n=given.n, batch_size=given.n)
        return Drawer(lambda: [None for _ in draw(network, sample)])

    def theirs(pipeline: Callable[..., object], cast: bool) -> Drawer:
        pipeline.set_progress_bar_config(disable=True)

        def draw_them() -> None:
            with torch.autocast(device.type, precision, enabled=cast):
                pipeline(batch_size=given.n, num_inference_steps=given.steps, output_type="np")

        return Drawer(draw_them)

    return {
        "ours, ddpm": ours("ddpm"),
        "DDPMPipeline": theirs(ddpm, cast=False),
        "DDPMPipeline, autocast": theirs(ddpm, cast=True),
        "ours, ddim": ours("ddim"),
        "DDIMPipeline": theirs(ddim, cast=False),
        "DDIMPipeline, autocast": theirs(ddim, cast=True),
    }


def rows_of(recipe: str, raced: dict[str, Drawer], n: int) -> list[list[str]]:
    rows, ours = [], None
    for name, drawer in raced.items():
        ours = drawer if name.startswith("ours") else ours
        rates = [n / seconds for seconds in drawer.wall]
        rows.append(
            [
                recipe,
                name,
                f"{statistics.median(rates):.1f} ({min(rates):.1f} to {max(rates):.1f})",
                f"{n / statistics.median(drawer.cpu):.1f}",
                f"{statistics.median(drawer.wall) / statistics.median(ours.wall):.2f}",
                f"{statistics.median(drawer.cpu) / statistics.median(ours.cpu):.2f}",
            ]
        )
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5, help="turns of each (default 5)")
    parser.add_argument("--steps", type=int, default=5, help="denoising steps of a drawing (default 5)")
    parser.add_argument("--n", type=int, default=32, help="images of a drawing (default 32)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads (default: all cores)")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/RESULTS.md")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    rows = []
    for recipe, values in RECIPES.items():
        raced = drawers(values, given)
        for drawer in raced.values():
            drawer.draw()
        for _ in range(given.turns):
            for drawer in raced.values():
                drawer.turn()
        rows += rows_of(recipe, raced, given.n)
    header = [
        "network",
        "drawn by",
        "images/s (least to most)",
        "images/CPU-s",
        "ours over it",
        "by CPU time",
    ]
    ratios = [float(row[4]) for row in rows if row[1] in ("DDPMPipeline", "DDIMPipeline")]
    met = min(ratios) >= GOAL
    words = (
        f"{given.n} images in {given.steps} steps. Goal: {GOAL:g} times each pipeline; least {min(ratios):.2f}: "
        f"{'met' if met else 'missed'}."
    )
    text = f"{table(header, rows)}\n\n{words}"
    print(text)
    if given.write:
        write_section(TITLE, text, ("torch", "diffusers"))
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
