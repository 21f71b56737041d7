"""How good the images of every sampler are against its steps, from the weights of one run on MNIST: table and picture.

    python benchmarks/sampler_quality.py RUN --data-root DIR --work DIR [--n 512] [--picture FILE] [--write]

For every row it prints the Frechet distance of n drawn images to the real training images in the features of a
classifier that is trained here first (benchmarks/mnist_classifier.py), and the classifier's mean top-class probability,
beside the same figures for n of MNIST's test images, which neither the classifier nor the run has seen. Euler's sampler
is DDIM and Euler-ancestral is DDPM, step for step, so they have no rows of their own; Heun's asks the network twice a
step. What was measured is kept in the work folder, and only what is missing is drawn. The picture needs matplotlib, of
the extra ``bench``.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from mnist_classifier import Figures, Judge, trained_judge, unseen_images
from results import table, write_section

from ddpm.checkpoint import find_checkpoint
from ddpm.files import json_bytes, replace_file
from ddpm.generate import Network, draw, load_network
from ddpm.runs import Run
from ddpm.sample_config import SampleConfig

# With the mark of each in the picture.
SAMPLERS = {"ddpm": "o", "dpm++2m-sde": "s", "ddim": "^", "dpm++2m": "D", "heun": "v"}
NAMES = {
    "ddpm": "DDPM (Euler-ancestral)",
    "dpm++2m-sde": "SDE-DPM-Solver++(2M)",
    "ddim": "DDIM (Euler)",
    "dpm++2m": "DPM-Solver++(2M)",
    "heun": "Heun",
}
STEPS = (10, 20, 50, 250, 1000)
REAL = "real, seen by nothing"
TITLE = "Quality of samplers"
Row = tuple[str, int]


def measured(given: argparse.Namespace) -> tuple[Figures, dict[Row, Figures]]:
    """The figures of real images, and those of each sampler and number of steps that there are."""
    run = Run(given.run)
    network = load_network(run, find_checkpoint(run.checkpoints_path, None))
    kept = given.work / f"samplers-{given.n}.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(kept.read_text()) if kept.exists() else {}
    judge = trained_judge("mnist", given.data_root)
    real = judge.figures(unseen_images(given.data_root, given.n))
    for steps in sorted(given.steps):
        for sampler in given.samplers:
            key = f"{sampler} {steps}"
            if key not in known:
                known[key] = asdict(drawn(judge, network, sampler, steps, given.n))
                replace_file(kept, json_bytes(known))
                print(f"{key}: {known[key]['distance']:.2f}", flush=True)
    rows = {(key.split()[0], int(key.split()[1])): Figures(**values) for key, values in known.items()}
    return real, rows


def drawn(judge: Judge, network: Network, sampler: str, steps: int, n: int) -> Figures:
    *_, last = draw(network, SampleConfig(sampler=sampler, steps=steps, n=n, batch_size=256))
    return judge.figures(last.x_t)


def report(real: Figures, rows: dict[Row, Figures], n: int) -> str:
    columns = sorted({steps for _, steps in rows})
    header = ["sampler", *[f"{steps:,} steps" for steps in columns]]
    lines = [
        [NAMES[sampler], *[_cell(rows.get((sampler, steps))) for steps in columns]] for sampler in SAMPLERS
    ]
    words = (
        f"Distances of {n} images (top class). {REAL.capitalize()}: {_cell(real)}. Heun's method asks the network "
        "twice a step. A dash: not measured."
    )
    return f"{table(header, lines)}\n\n{words}"


def _cell(figures: Figures | None) -> str:
    return f"{figures.distance:.2f} ({figures.top_class:.3f})" if figures else "-"


def paint(real: Figures, rows: dict[Row, Figures], n: int, path: Path) -> None:
    """Write the picture: a line for each sampler over the calls of the network that its steps take."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for sampler, mark in SAMPLERS.items():
        calls = 2 if sampler == "heun" else 1
        points = sorted((steps, found.distance) for (name, steps), found in rows.items() if name == sampler)
        if points:
            xs, ys = zip(*points, strict=True)
            axes.plot([calls * x for x in xs], ys, marker=mark, label=NAMES[sampler])
    axes.axhline(real.distance, color="grey", linestyle="--", label=REAL)
    axes.set(xscale="log", yscale="log", xlabel="calls of the network", ylabel="Fréchet distance")
    axes.set_title(f"MNIST, ten minutes of training on two cores: {n} images each", fontsize="medium")
    ticks = sorted({line * (2 if name == "heun" else 1) for name, line in rows})
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks], fontsize="small")
    axes.minorticks_off()
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=110, metadata={"Software": None})


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("run", type=Path, help="directory of a run on MNIST")
    parser.add_argument("--data-root", type=Path, required=True, help="where MNIST is")
    parser.add_argument("--work", type=Path, required=True, help="folder of what was measured")
    parser.add_argument("--n", type=int, default=512, help="images of each row (default 512)")
    parser.add_argument("--steps", type=int, nargs="+", default=STEPS)
    parser.add_argument("--samplers", nargs="+", choices=SAMPLERS, default=list(SAMPLERS))
    parser.add_argument("--picture", type=Path, help="write the plot to this PNG")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/RESULTS.md")
    given = parser.parse_args()
    real, rows = measured(given)
    text = report(real, rows, given.n)
    print(f"\n{text}")
    if given.picture:
        paint(real, rows, given.n, given.picture)
    if given.write:
        write_section(TITLE, text, ("torch",))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
