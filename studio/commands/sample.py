"""``ddpm-studio sample``: draw images from a checkpoint of a run."""

import argparse
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ddpm.checkpoint import find_checkpoint
from ddpm.config import SampleConfig, explain
from ddpm.errors import ConfigError
from ddpm.runs import Run, open_run
from studio.home import home_directory, runs_root
from studio.options import add_model_options


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``sample``."""
    parser.add_argument("run", metavar="RUN", help="name of a run, or the path of its directory")
    parser.add_argument("--checkpoint", metavar="STEP", type=int, help="default: the newest whole one")
    parser.add_argument("--out", metavar="DIR", help="where the images go (default: RUN/samples/...)")
    parser.add_argument("--device", default="auto", help="auto, cpu, mps, cuda or cuda:N (default auto)")
    add_model_options(parser, SampleConfig)


def command(arguments: argparse.Namespace) -> int:
    """Draw, save, and say where; returns the exit code."""
    given = {name: getattr(arguments, name) for name in SampleConfig.model_fields}
    sample = sample_config(given)
    run = open_run(runs_root(home_directory(arguments.home)), arguments.run)
    checkpoint = find_checkpoint(run.checkpoints_path, arguments.checkpoint)
    T = run.config().diffusion.T
    if given["steps"] is None and sample.steps > T:
        sample = sample.model_copy(update={"steps": T})

    from ddpm.generate import draw, load_network, recipe_of, save_images
    from studio.commands.progress import drawing_progress

    network = load_network(run, checkpoint, sample.weights, arguments.device)
    with drawing_progress() as report:
        for drawing in draw(network, sample):
            report(drawing.done, drawing.total)
    out = Path(arguments.out) if arguments.out else sample_folder(run, network.step, sample)
    grid = save_images(drawing.x_t, out, recipe_of(network, sample))
    print(f"{sample.n} images of step {network.step} in {out}\ngrid: {grid}")
    return 0


def sample_config(given: dict[str, Any]) -> SampleConfig:
    """The recipe of a drawing from text; what is None takes its default. Raises ConfigError."""
    values = {name: value for name, value in given.items() if value is not None}
    try:
        return SampleConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(explain(error, "the options")) from None


def sample_folder(run: Run, step: int, sample: SampleConfig) -> Path:
    """A folder of the run that is named after what is drawn, so that other drawings do not overwrite it."""
    changed = json.loads(
        sample.model_dump_json(exclude_defaults=True, exclude={"sampler", "steps", "seed", "batch_size"})
    )
    rest = "".join(f"-{name}-{value}" for name, value in changed.items())
    return run.path / "samples" / f"step-{step:08d}-{sample.sampler}-{sample.steps}-seed-{sample.seed}{rest}"
