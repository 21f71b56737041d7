"""``ddpm-studio export``: a trained network as a file of its own, or as a folder for diffusers."""

import argparse
from pathlib import Path

from ddpm.errors import ConfigError
from studio.commands.drawing_commands import add_network_option
from studio.exporting import FORMATS, export
from studio.home import home_directory, runs_root
from studio.networks import open_network
from studio.options import step_number


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``export``."""
    add_network_option(parser)
    parser.add_argument(
        "--format",
        required=True,
        choices=tuple(FORMATS),
        help="; ".join(f"{name}: {words}" for name, words in FORMATS.items()),
    )
    parser.add_argument("--out", required=True, metavar="PATH", help="the file or the folder to write")
    parser.add_argument(
        "--checkpoint", metavar="STEP", type=step_number, help="default: the newest whole one"
    )
    parser.add_argument(
        "--weights",
        metavar="NAME",
        help="ema, raw, or another average, as for sample (default ema, or what the file has)",
    )
    parser.add_argument(
        "--label",
        metavar="CLASS",
        help="diffusers, of a class-conditional network: the class to draw, by name or number (default: none)",
    )


def command(arguments: argparse.Namespace) -> int:
    """Export, and say where; returns the exit code."""
    if arguments.label is not None and arguments.format != "diffusers":
        raise ConfigError("--label goes with --format diffusers; a safetensors file keeps all classes.")
    network = open_network(
        runs_root(home_directory(arguments.home)),
        arguments.run,
        checkpoint=arguments.checkpoint,
        weights=arguments.weights,
        device="cpu",
    )

    print(export(network, arguments.format, Path(arguments.out).expanduser(), arguments.label))
    return 0
