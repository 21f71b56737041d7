"""``ddpm-studio train``: train a data set, or resume a run, without a screen."""

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from ddpm import config as recipes
from ddpm.checkpoint import Checkpoint, find_checkpoint
from ddpm.config import Config
from ddpm.errors import ConfigError
from ddpm.events import CommandName
from ddpm.presets import PRESETS, config_for
from ddpm.runs import Run, create_run, free_name, open_run
from studio.home import data_root, home_directory, runs_root
from studio.options import add_recipe_options, given_values

# A resumed run keeps its data, network and diffusion: another recipe for those is another run.
RESUMABLE = ("train", "previews")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``train``."""
    parser.usage = "ddpm-studio train DATA [options]\n       ddpm-studio train --resume RUN [options]"
    parser.add_argument(
        "data", nargs="?", metavar="DATA", help="digits, mnist, fashion-mnist, or a folder of images"
    )
    parser.add_argument("--resume", metavar="RUN", help="go on with a run from its newest whole checkpoint")
    parser.add_argument(
        "--checkpoint", metavar="STEP", type=int, help="with --resume: go on from this checkpoint"
    )
    parser.add_argument("--name", help="name of the new run (default: made from the data set)")
    parser.add_argument("--preset", metavar="NAME", help=f"recipe to start from: {', '.join(PRESETS)}")
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="recipe as TOML, such as a run's config.toml; laid over --preset if that is given",
    )
    parser.add_argument(
        "--download", action="store_true", help="fetch the data set if it is not on this machine"
    )
    add_recipe_options(parser, recipes.sections())


def command(arguments: argparse.Namespace) -> int:
    """Train until the last step, Ctrl-C or an error; returns the exit code."""
    home = home_directory(arguments.home)
    root = runs_root(home)
    if arguments.resume:
        run, checkpoint = _resume(arguments, root)
    else:
        run, checkpoint = _start(arguments, root), None
    return train(run, checkpoint, data_root(home, arguments.data_root), arguments.download)


def recipe(arguments: argparse.Namespace) -> Config:
    """The recipe that the options ask for: preset, then file, then single options. Raises ConfigError."""
    overrides = given_values(arguments, recipes.sections())
    from_file = recipes.read_toml(Path(arguments.config)) if arguments.config else {}
    file_source = (
        from_file.get("data", {}).get("source") if isinstance(from_file.get("data", {}), dict) else None
    )
    source = arguments.data or file_source
    if not source:
        raise ConfigError(
            "Say what to train on: digits, mnist, fashion-mnist, or the path of a folder of images."
        )
    if arguments.config and not arguments.preset:
        # A whole recipe in a file stands for itself, so that a run's config.toml trains the same run again.
        base = recipes.Config().model_dump()
    else:
        base = config_for(str(source), arguments.preset).model_dump()
    values = recipes.merge(base, from_file)
    Config.build(values, arguments.config or "")  # on its own first, so that an error names the file
    values = recipes.merge(values, {"data": {"source": str(source)}})
    return Config.build(recipes.merge(values, overrides), "the options")


def _start(arguments: argparse.Namespace, root: Path) -> Run:
    if arguments.checkpoint is not None:
        raise ConfigError("--checkpoint goes with --resume RUN.")
    config = recipe(arguments)
    config = _with_known_data(config, arguments)
    return create_run(root, arguments.name or free_name(root, config.data.source), config)


def _with_known_data(config: Config, arguments: argparse.Namespace) -> Config:
    """Fail before there is a run when its data set is wrong. What can still be downloaded is not."""
    from ddpm.datasets import resolve, summarize

    if arguments.download:
        return config
    root = data_root(home_directory(arguments.home), arguments.data_root)
    return config.model_copy(update={"data": resolve(config.data, summarize(config.data, root))})


def _resume(arguments: argparse.Namespace, root: Path) -> tuple[Run, Checkpoint]:
    given = given_values(arguments, recipes.sections())
    fixed = [
        f"--{section}.{name}" for section in given if section not in RESUMABLE for name in given[section]
    ]
    fixed += [f"--{name}" for name in ("name", "preset", "config") if getattr(arguments, name)]
    if arguments.data or fixed:
        what = ", ".join([*([arguments.data] if arguments.data else []), *fixed])
        raise ConfigError(
            f"A resumed run keeps its recipe, so {what} cannot go with --resume. Start a new run for that."
        )
    run = open_run(root, arguments.resume)
    config = run.config().with_values(given, "the options")
    checkpoint = find_checkpoint(run.checkpoints_path, arguments.checkpoint)
    if checkpoint.step >= config.train.steps:
        raise ConfigError(
            f"The run {run.name} has reached its last step, {config.train.steps}. Give it more with --steps N."
        )
    if given and not run.is_training():
        run.write_config(config)
    return run, checkpoint


def train(run: Run, checkpoint: Checkpoint | None, root: Path, download: bool) -> int:
    """Train with progress on stdout; Ctrl-C and SIGTERM leave after the step, with a checkpoint."""
    signals: list[int] = []
    preparing = True

    def on_signal(number: int, frame: FrameType | None) -> None:
        signals.append(number)
        if preparing:
            raise KeyboardInterrupt
        if len(signals) == 1:
            print("\nStopping after this step, with a checkpoint …", file=sys.stderr, flush=True)

    def take_commands() -> list[CommandName]:
        return [*run.take_commands(), *(["stop"] if signals else [])]  # type: ignore[list-item]

    previous = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        from ddpm.session import train_run
        from studio.commands.progress import training_progress

        with training_progress(run) as report:
            events = train_run(
                run,
                data_root=root,
                take_commands=take_commands,
                checkpoint=checkpoint,
                download=download,
                progress=report.download,
            )
            for event in events:
                preparing = False
                report.event(event)
    except KeyboardInterrupt:
        return 128 + (signals[0] if signals else signal.SIGINT)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return 128 + signals[0] if signals else 0
