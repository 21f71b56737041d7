"""``ddpm-studio export``: a trained network as a file of its own, or as a folder for diffusers."""

import argparse
from pathlib import Path

from ddpm.checkpoint import find_checkpoint
from ddpm.config import Config
from ddpm.errors import ConfigError
from ddpm.runs import open_run
from studio.home import home_directory, runs_root


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``export``."""
    parser.add_argument("run", metavar="RUN", help="name of a run, or the path of its directory")
    parser.add_argument(
        "--format",
        required=True,
        choices=("safetensors", "diffusers"),
        help="safetensors: one file that `ddpm-studio sample` takes; diffusers: a folder for its DDPMPipeline",
    )
    parser.add_argument("--out", required=True, metavar="PATH", help="the file or the folder to write")
    parser.add_argument("--checkpoint", metavar="STEP", type=int, help="default: the newest whole one")
    parser.add_argument(
        "--weights",
        choices=("ema", "raw"),
        default="ema",
        help="averaged weights, or those of the last step (default ema)",
    )
    parser.add_argument(
        "--label",
        metavar="CLASS",
        help="diffusers, of a class-conditional network: the class to draw, by name or number (default: none)",
    )


def command(arguments: argparse.Namespace) -> int:
    """Export, and say where; returns the exit code."""
    run = open_run(runs_root(home_directory(arguments.home)), arguments.run)
    config = run.config()
    if arguments.label is not None and arguments.format != "diffusers":
        raise ConfigError("--label goes with --format diffusers; a safetensors file keeps all classes.")
    label = None if arguments.label is None else class_number(config, arguments.label)
    checkpoint = find_checkpoint(run.checkpoints_path, arguments.checkpoint)

    from ddpm.diffusers_folder import save_pipeline
    from ddpm.generate import load_network
    from ddpm.network_file import save_network_file

    network = load_network(run, checkpoint, arguments.weights, "cpu")
    out = Path(arguments.out).expanduser()
    if arguments.format == "safetensors":
        save_network_file(network, out)
        print(f"step {network.step} of {run.name} in {out}\ndraw from it: ddpm-studio sample {out}")
        return 0
    save_pipeline(network, out, label)
    drawn = f", which draws {arguments.label}" if arguments.label is not None else ""
    drawn = ", which is told no class" if network.config.num_classes and not drawn else drawn
    print(
        f"step {network.step} of {run.name} in {out}{drawn}\n"
        f"draw from it: diffusers.DDPMPipeline.from_pretrained({str(out)!r})"
        f"(num_inference_steps={config.diffusion.T})"
    )
    return 0


def class_number(config: Config, name: str) -> int:
    """The number of a class that is given by its name or number. Raises ConfigError with those that there are."""
    names = config.data.class_names if config.num_classes else ()
    if name in names:
        return names.index(name)
    if name.isdecimal() and int(name) < len(names):
        return int(name)
    known = f"Its classes are {', '.join(names)}." if names else "It was trained without classes."
    raise ConfigError(f"The network knows no class {name!r}. {known}")
