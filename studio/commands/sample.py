"""``ddpm-studio sample``: draw images from a checkpoint of a run, or from an exported file."""

import argparse
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ddpm.config import SampleConfig, explain
from ddpm.errors import ConfigError
from studio.home import home_directory, runs_root
from studio.networks import open_network, samples_folder
from studio.options import add_model_options


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``sample``."""
    parser.add_argument(
        "run",
        metavar="RUN",
        help="name of a run, the path of its directory, or an exported .safetensors file",
    )
    parser.add_argument("--checkpoint", metavar="STEP", type=int, help="default: the newest whole one")
    parser.add_argument(
        "--out", metavar="DIR", help="where the images go (default: RUN/samples/..., or beside the file)"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, mps, cuda or cuda:N (default auto)")
    add_model_options(parser, SampleConfig)


def command(arguments: argparse.Namespace) -> int:
    """Draw, save, and say where; returns the exit code."""
    given = {name: getattr(arguments, name) for name in SampleConfig.model_fields}
    sample = sample_config(given)
    root = runs_root(home_directory(arguments.home))
    network = open_network(
        root,
        arguments.run,
        checkpoint=arguments.checkpoint,
        weights=sample.weights if given["weights"] else None,
        device=arguments.device,
    )
    T = network.config.diffusion.T
    steps = T if given["steps"] is None and sample.steps > T else sample.steps
    sample = sample.model_copy(update={"steps": steps, "weights": network.weights})

    from ddpm.generate import draw, recipe_of, save_images
    from studio.commands.progress import drawing_progress

    with drawing_progress() as report:
        for drawing in draw(network, sample):
            report(drawing.done, drawing.total)
    place = samples_folder(root, arguments.run)
    out = Path(arguments.out) if arguments.out else place / drawing_name(network.step, sample)
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


def drawing_name(step: int, sample: SampleConfig) -> str:
    """A folder's name that says what is drawn, so that other drawings do not overwrite it."""
    changed = json.loads(
        sample.model_dump_json(exclude_defaults=True, exclude={"sampler", "steps", "seed", "batch_size"})
    )
    rest = "".join(f"-{name}-{value}" for name, value in changed.items())
    return f"step-{step:08d}-{sample.sampler}-{sample.steps}-seed-{sample.seed}{rest}"
