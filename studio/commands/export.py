"""``ddpm-studio export``: a trained network as a file of its own, or as a folder for diffusers."""

import argparse
from pathlib import Path

from ddpm.config import Config
from ddpm.errors import ConfigError
from ddpm.sample_config import SampleConfig
from ddpm.sample_recipe import fitted, label_numbers
from studio.commands.drawing_commands import add_network_option
from studio.home import home_directory, runs_root
from studio.networks import open_network
from studio.options import step_number


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``export``."""
    add_network_option(parser)
    parser.add_argument(
        "--format",
        required=True,
        choices=("safetensors", "diffusers"),
        help="safetensors: one file that `ddpm-studio sample` takes; diffusers: a folder for its DDPMPipeline",
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

    from ddpm.exchange.diffusers_folder import save_pipeline
    from ddpm.exchange.network_file import save_network_file

    out = Path(arguments.out).expanduser()
    what = f"step {network.step} of {network.run_name} in {out}"
    if arguments.format == "safetensors":
        save_network_file(network, out)
        print(f"{what}\ndraw from it: ddpm-studio sample {out}")
        return 0
    config, label = network.config, arguments.label
    save_pipeline(network, out, baked_class(config, label))
    drawn = f", which draws the class {label or 'none'}" if config.num_classes else ""
    print(
        f"{what}{drawn}\ndraw from it: diffusers.DDPMPipeline.from_pretrained({str(out)!r})"
        f"(num_inference_steps={config.diffusion.T})"
    )
    return 0


def baked_class(config: Config, label: str | None) -> int | None:
    """The number of the class that a pipeline is to draw; None for no class. Raises ConfigError for one unknown."""
    if label is None:
        return None
    (number,) = label_numbers(fitted(SampleConfig(label=(label,), steps=1), config), config) or (None,)
    return None if number == config.num_classes else number
