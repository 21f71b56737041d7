"""``ddpm-studio sample``: draw images from a checkpoint of a run, or from an exported file."""

import argparse

from ddpm.sample_config import SampleConfig
from studio.commands.drawing_commands import (
    add_drawing_options,
    add_network_option,
    drawing_name,
    finished,
    folder_for,
    network_and_recipe,
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``sample``."""
    add_network_option(parser)
    add_drawing_options(parser, SampleConfig)


def command(arguments: argparse.Namespace) -> int:
    """Draw, save, and say where; returns the exit code."""
    network, sample = network_and_recipe(arguments, SampleConfig)

    from ddpm.generate import draw, recipe_of, save_images

    images = finished(draw(network, sample))
    out = folder_for(arguments, drawing_name(network.step, sample))
    grid = save_images(images, out, recipe_of(network, sample))
    print(f"{sample.n} images of step {network.step} in {out}\ngrid: {grid}")
    return 0
