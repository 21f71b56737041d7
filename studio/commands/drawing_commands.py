"""What the commands that draw have in common: their options, the network, the progress and the files."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.sample_config import SampleConfig
from ddpm.sample_recipe import Sample, misfits
from studio.home import home_directory, runs_root
from studio.networks import open_network, samples_folder
from studio.options import add_model_options, model_of, step_number, wrong_options

if TYPE_CHECKING:
    from torch import Tensor

    from ddpm.generate import Drawing, Network


def add_network_option(parser: argparse.ArgumentParser) -> None:
    """RUN, the network that draws."""
    parser.add_argument(
        "run",
        metavar="RUN",
        help="name of a run, the path of its directory, or an exported .safetensors file",
    )


def add_drawing_options(parser: argparse.ArgumentParser, model: type[SampleConfig]) -> None:
    """Which checkpoint, where to, on what, and an option for every field of the recipe."""
    parser.add_argument(
        "--checkpoint", metavar="STEP", type=step_number, help="default: the newest whole one"
    )
    parser.add_argument(
        "--out", metavar="DIR", help="where the images go (default: RUN/samples/..., or beside the file)"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, mps, cuda or cuda:N (default auto)")
    add_model_options(parser, model)


def network_and_recipe(arguments: argparse.Namespace, model: type[Sample]) -> "tuple[Network, Sample]":
    """What was asked for. Raises DDPMError where there is no such network, or the recipe is not valid.

    Steps that were not given are at most the network's T.
    """
    given = {name: value for name in model.model_fields if (value := getattr(arguments, name)) is not None}
    recipe = model_of(model, given)
    network = open_network(
        runs_root(home_directory(arguments.home)),
        arguments.run,
        checkpoint=arguments.checkpoint,
        weights=recipe.weights if "weights" in given else None,
        device=arguments.device,
    )
    steps = recipe.steps if "steps" in given else min(recipe.steps, network.config.diffusion.T)
    recipe = recipe.model_copy(update={"steps": steps, "weights": network.weights})
    if problems := misfits(recipe, network.config):
        raise wrong_options(problems)
    return network, recipe


def finished(drawings: "Iterator[Drawing]") -> "Tensor":
    """The images that come out in the end, uint8 [n, C, H, W], with a bar on the way."""
    from studio.commands.progress import drawing_progress

    with drawing_progress() as report:
        for drawing in drawings:
            report(drawing.done, drawing.total)
    return drawing.x_t


def folder_for(arguments: argparse.Namespace, name: str) -> Path:
    """The folder that --out names, or else one of that name among the samples of the run."""
    if arguments.out:
        return Path(arguments.out)
    return samples_folder(runs_root(home_directory(arguments.home)), arguments.run) / name


def drawing_name(step: int, recipe: SampleConfig) -> str:
    """A folder's name that says what is drawn, so that other drawings do not overwrite it."""
    usual = {"sampler", "steps", "seed", "batch_size"}
    changed = json.loads(recipe.model_dump_json(exclude_defaults=True, exclude=usual))
    rest = "".join(f"-{name}-{_as_part_of_a_name(value)}" for name, value in changed.items())
    return f"step-{step:08d}-{recipe.sampler}-{recipe.steps}-seed-{recipe.seed}{rest}"[:MOST_CHARACTERS]


# File systems take 255 bytes.
MOST_CHARACTERS = 120


def _as_part_of_a_name(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return "".join(letter if letter.isalnum() or letter in ",.-_" else "_" for letter in text)
