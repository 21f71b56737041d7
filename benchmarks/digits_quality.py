"""Are the digits that a run draws like real ones? Someone else's classifier and three distances say.

    python benchmarks/digits_quality.py RUN [--home DIR]

The 1,797 real digits are split into 70 % (the reference) and 30 %; a random forest learns the reference. Then
the same is measured of 256 samples from the run, of 256 real digits out of the 30 %, and of uniform noise:

  top class   mean probability of the class that the forest finds likeliest: 1 is a digit beyond doubt
  Frechet     Fréchet distance in pixels to the reference: between Gaussians of the same mean and covariance
  nearest     mean Euclidean distance to the nearest image of the reference
  closest     the smallest distance to any of the 1,797 digits but itself: near 0 is a copy

Pixels count from 0 to 1. The run has learnt from all 1,797 digits; the 30 % are held out from the forest and
the reference only. They show what real digits score that the measure has not seen.

Exit code: 0 the goals are met, 1 they are not, 2 the run cannot be drawn from.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from frechet import frechet_distance, gaussian_of
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier  # type: ignore[import-untyped]
from sklearn.model_selection import train_test_split  # type: ignore[import-untyped]

from ddpm.config import DataConfig
from ddpm.datasets import load_images
from ddpm.errors import DataError, DDPMError
from ddpm.runs import Run
from ddpm.runs_root import open_run
from ddpm.sample_config import SampleConfig
from studio.home import home_directory, runs_root

Pixels = NDArray[np.float64]

COUNT = 256
REFERENCE_SHARE = 0.7
TREES = 400
CLASSES = 10

LEAST_TOP_CLASS_RATIO = 0.92
GREATEST_FRECHET_RATIO = 1.3
LEAST_CLASS_SHARE = 0.03


@dataclass(frozen=True)
class RealDigits:
    """Real digits, [n, 64] from 0 to 1: all of them, the reference with its labels, and 256 of the others."""

    everything: Pixels
    reference: Pixels
    reference_labels: NDArray[np.int64]
    held_out: Pixels


@dataclass(frozen=True)
class Figures:
    """What is measured of one set of images. ``class_shares`` is [10] and sums to 1."""

    top_class: float
    frechet: float
    nearest: float
    closest: float
    class_shares: Pixels


@dataclass(frozen=True)
class Goal:
    text: str
    met: bool


def real_digits() -> RealDigits:
    """The embedded digits, split the same way every time with an equal share of each class."""
    digits = load_images(DataConfig(source="digits"), Path())
    everything = as_pixels(digits.images)
    reference, rest, labels, _ = train_test_split(
        everything, digits.labels, train_size=REFERENCE_SHARE, stratify=digits.labels, random_state=0
    )
    return RealDigits(everything, reference, labels, rest[:COUNT])


def as_pixels(images: NDArray[np.uint8]) -> Pixels:
    """uint8 [n, 1, 8, 8] as [n, 64] from 0 to 1."""
    return images.reshape(len(images), -1) / 255.0


def fit_forest(real: RealDigits) -> RandomForestClassifier:
    return RandomForestClassifier(TREES, random_state=0, n_jobs=-1).fit(real.reference, real.reference_labels)


def measure(images: Pixels, forest: RandomForestClassifier, real: RealDigits, *, own: int = 0) -> Figures:
    """All figures of images [n, 64]. ``own`` is 1 for real digits, which find themselves among the others."""
    probabilities = forest.predict_proba(images)
    found = np.bincount(probabilities.argmax(axis=1), minlength=CLASSES)
    return Figures(
        top_class=float(probabilities.max(axis=1).mean()),
        frechet=frechet_distance(gaussian_of(images), gaussian_of(real.reference)),
        nearest=float(distances(images, real.reference).min(axis=1).mean()),
        closest=closest(images, real.everything, skip=own),
        class_shares=found / len(images),
    )


def distances(a: Pixels, b: Pixels) -> Pixels:
    """Euclidean distances [len(a), len(b)] between images [n, d]."""
    result: Pixels = np.stack([np.linalg.norm(b - image, axis=1) for image in a])
    return result


def closest(images: Pixels, everything: Pixels, *, skip: int) -> float:
    """The smallest distance from an image to a real digit, past the ``skip`` nearest of each image."""
    return float(np.sort(distances(images, everything), axis=1)[:, skip].min())


def draw_samples(
    run: Run, checkpoint_step: int | None, sample: SampleConfig
) -> tuple[NDArray[np.uint8], int]:
    """Samples of a run, uint8 [n, 1, 8, 8], and the step of its checkpoint. Raises DDPMError."""
    from ddpm.checkpoint import find_checkpoint
    from ddpm.generate import draw, load_network

    shape = run.config().data.shape
    if shape != (1, 8, 8):
        raise DataError(
            f"The run {run.name} draws {shape[1]}x{shape[2]} images of {shape[0]} channels, and this "
            f"compares 8x8 grey digits. Name a run on the data set digits."
        )
    network = load_network(run, find_checkpoint(run.checkpoints_path, checkpoint_step), sample.weights)
    *_, last = draw(network, sample)
    return last.x_t.numpy(), network.step


def goals(samples: Figures, held_out: Figures) -> list[Goal]:
    sureness = samples.top_class / held_out.top_class
    frechet_ratio = samples.frechet / held_out.frechet
    rarest = int(samples.class_shares.argmin())
    share = float(samples.class_shares[rarest])
    return [
        Goal(
            f"top class, samples / held-out: {sureness:.3f}, goal at least {LEAST_TOP_CLASS_RATIO}",
            sureness >= LEAST_TOP_CLASS_RATIO,
        ),
        Goal(
            f"Frechet, samples / held-out: {frechet_ratio:.3f}, goal at most {GREATEST_FRECHET_RATIO}",
            frechet_ratio <= GREATEST_FRECHET_RATIO,
        ),
        Goal(
            f"share of the rarest class ({rarest}): {share:.1%}, goal at least {LEAST_CLASS_SHARE:.0%}",
            share >= LEAST_CLASS_SHARE,
        ),
    ]


def report(rows: dict[str, Figures], say: Callable[[str], None]) -> None:
    say(f"{'':14}{'top class':>10}{'Frechet':>10}{'nearest':>10}{'closest':>10}")
    for name, row in rows.items():
        say(f"{name:14}{row.top_class:10.3f}{row.frechet:10.3f}{row.nearest:10.3f}{row.closest:10.3f}")
    say("")
    say(f"{'share of class':14}" + "".join(f"{digit:>7}" for digit in range(CLASSES)))
    for name, row in rows.items():
        say(f"{name:14}" + "".join(f"{share:7.1%}" for share in row.class_shares))
    say("")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("run", help="name of a run, or the path of its directory")
    parser.add_argument("--home", help="where the runs are (default: as ddpm-studio)")
    parser.add_argument("--checkpoint", type=int, help="step of the checkpoint (default: the newest)")
    parser.add_argument("--sampler", choices=["ddim", "ddpm"], default="ddim")
    parser.add_argument("--steps", type=int, default=50, help="denoising steps (default: 50)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the samples (default: 0)")
    parser.add_argument("--weights", choices=["ema", "raw"], default="ema")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    given = parse(arguments)
    try:
        path = Path(given.run)
        root = runs_root(home_directory(given.home))
        run = Run(path.resolve()) if (path / "config.toml").is_file() else open_run(root, given.run)
        sample = SampleConfig(
            n=COUNT, sampler=given.sampler, steps=given.steps, seed=given.seed, weights=given.weights
        )
        images, step = draw_samples(run, given.checkpoint, sample)
    except (DDPMError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    real = real_digits()
    forest = fit_forest(real)
    noise = np.random.default_rng(0).integers(0, 256, images.shape, np.uint8)
    rows = {
        "samples": measure(as_pixels(images), forest, real),
        "held-out real": measure(real.held_out, forest, real, own=1),
        "uniform noise": measure(as_pixels(noise), forest, real),
    }
    print(
        f"{run.name} at step {step}: {COUNT} samples, {given.sampler} in {given.steps} steps, "
        f"{given.weights} weights, seed {given.seed}\n"
    )
    report(rows, print)
    results = goals(rows["samples"], rows["held-out real"])
    for goal in results:
        print(f"{'met   ' if goal.met else 'MISSED'}  {goal.text}")
    return 0 if all(goal.met for goal in results) else 1


if __name__ == "__main__":
    sys.exit(main())
