"""Make the pictures of a preset for docs/presets.md from a run that it trained: the loss, and 64 samples.

    python docs/make_preset_pictures.py PRESET RUN [--sampler ddpm] [--steps 250]

Writes docs/pictures/preset-PRESET-loss.png and preset-PRESET-samples.png. Needs matplotlib, of the extra ``bench``.
"""

import argparse
from pathlib import Path

import matplotlib

from ddpm.checkpoint import find_checkpoint
from ddpm.generate import draw, load_network
from ddpm.images import legible_grid, write_png
from ddpm.runs import Run
from ddpm.sample_config import SampleConfig

PICTURES = Path(__file__).resolve().parent / "pictures"
# The curve has so many points, each the mean of the rows of metrics before it: single batches say little.
POINTS = 60


def paint_loss(run: Run, path: Path) -> None:
    """The loss and the learning rate over the steps."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [row for row in run.metrics() if row["loss"] is not None]
    each = max(1, len(rows) // POINTS)
    parts = [rows[i : i + each] for i in range(0, len(rows), each)]
    steps = [part[-1]["step"] for part in parts]
    figure, axes = pyplot.subplots(figsize=(5, 3), layout="constrained")
    axes.plot(steps, [sum(row["loss"] for row in part) / len(part) for part in parts])
    axes.set(yscale="log", xlabel="step", ylabel="loss")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.tick_params(which="both", labelsize="small")
    axes.grid(alpha=0.3, which="both")
    figure.savefig(path, dpi=100, metadata={"Software": None})


def paint_samples(run: Run, sample: SampleConfig, path: Path) -> None:
    network = load_network(run, find_checkpoint(run.checkpoints_path, None))
    *_, last = draw(network, sample)
    write_png(path, legible_grid(last.x_t.numpy(), None))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preset")
    parser.add_argument("run", type=Path, help="directory of the run")
    parser.add_argument("--sampler", default="ddpm")
    parser.add_argument("--steps", type=int, default=250)
    given = parser.parse_args()
    run = Run(given.run)
    paint_loss(run, PICTURES / f"preset-{given.preset}-loss.png")
    sample = SampleConfig(sampler=given.sampler, steps=given.steps, n=64)
    paint_samples(run, sample, PICTURES / f"preset-{given.preset}-samples.png")


if __name__ == "__main__":
    main()
