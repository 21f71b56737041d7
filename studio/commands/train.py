"""``ddpm-studio train``: train a data set, or resume a run, without a screen."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from ddpm import config as recipes
from ddpm.checkpoint import Checkpoint, find_checkpoint
from ddpm.config import Config
from ddpm.errors import ConfigError, MissingDataError
from ddpm.parameter_count import parameter_count
from ddpm.presets import PRESETS
from ddpm.recipe_file import read_toml
from ddpm.runs import Run, check_name
from ddpm.runs_root import create_run, free_name, open_run
from studio import background
from studio.commands.training import train
from studio.home import data_root, home_directory, home_option, runs_root
from studio.options import add_recipe_options, given_values, step_number
from studio.user_presets import preset_recipe

# A resumed run keeps its data, network and diffusion: another recipe for those is another run.
RESUMABLE = ("train", "previews")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``train``."""
    parser.usage = "ddpm-studio train DATA [options]\n       ddpm-studio train --resume RUN [options]"
    parser.add_argument(
        "data",
        nargs="?",
        metavar="DATA",
        help="name of a data set (`ddpm-studio data` lists them), hf:owner/name, a folder of images, or a .npy or "
        ".npz file",
    )
    parser.add_argument(
        "--resume",
        metavar="RUN",
        help="go on with a run from its newest whole checkpoint; what was changed while it trained "
        "is changed again at the same steps",
    )
    parser.add_argument(
        "--checkpoint", metavar="STEP", type=step_number, help="with --resume: go on from this checkpoint"
    )
    parser.add_argument("--name", help="name of the new run (default: made from the data set)")
    parser.add_argument(
        "--preset", metavar="NAME", help=f"recipe to start from: {', '.join(PRESETS)}, or one of your own"
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="recipe as TOML, such as a run's config.toml; laid over --preset if that is given",
    )
    parser.add_argument(
        "--download", action="store_true", help="fetch the data set if it is not on this machine"
    )
    parser.add_argument(
        "--detach",
        action="store_true",
        help="train in a background process, which goes on when this shell or line ends",
    )
    add_recipe_options(parser, recipes.sections())


def command(arguments: argparse.Namespace) -> int:
    """Train until the last step, Ctrl-C or an error; returns the exit code."""
    home = home_directory(arguments.home)
    root, data = runs_root(home), data_root(home, arguments.data_root)
    job = _resume(arguments, root) if arguments.resume else _start(arguments, root, data)
    if arguments.detach:
        return detach(job, arguments, home, data)
    return train(job.run, data, job.config, job.checkpoint, download=arguments.download)


@dataclass(frozen=True)
class Job:
    """What to train: a run by its recipe, from a checkpoint or from its first step."""

    run: Run
    config: Config
    checkpoint: Checkpoint | None = None


def recipe(arguments: argparse.Namespace) -> Config:
    """The recipe that the options ask for: preset, then file, then single options. Raises ConfigError."""
    overrides = given_values(arguments, recipes.sections())
    from_file = read_toml(Path(arguments.config)) if arguments.config else {}
    file_source = (
        from_file.get("data", {}).get("source") if isinstance(from_file.get("data", {}), dict) else None
    )
    source = arguments.data or file_source
    if not source:
        raise ConfigError(
            "Say what to train on: a data set (`ddpm-studio data` lists them), or the path of a folder of images."
        )
    if arguments.config and not arguments.preset:
        # A whole recipe in a file stands for itself, so that a run's config.toml trains the same run again.
        base = recipes.Config().model_dump()
    else:
        base = preset_recipe(str(source), arguments.preset).model_dump()
    values = recipes.merge(base, from_file)
    Config.build(values, arguments.config or "")  # on its own first, so that an error names the file
    values = recipes.merge(values, {"data": {"source": str(source)}})
    return Config.build(recipes.merge(values, overrides), "the options")


def _start(arguments: argparse.Namespace, root: Path, data: Path) -> Job:
    """A new run. What can be found wrong before it is made is, so that no mistake takes its name."""
    if arguments.checkpoint is not None:
        raise ConfigError("--checkpoint goes with --resume RUN.")
    config = _with_known_data(recipe(arguments), data, arguments.download)
    name = arguments.name or free_name(root, config.data.source)
    check_name(name)

    from ddpm.device import pick_device
    from ddpm.schedules import build

    pick_device(config.train.device)
    build(config.diffusion)
    return Job(create_run(root, name, config), config)


def _with_known_data(config: Config, data: Path, download: bool) -> Config:
    """The recipe with size and channels filled in, unless its data set is still to be fetched."""
    from ddpm.datasets import resolve, summarize

    try:
        found = summarize(config.data, data)
    except MissingDataError:
        if download:
            return config
        raise
    config = config.model_copy(update={"data": resolve(config.data, found)})
    try:
        parameter_count(config)  # refuses a network that is to be told classes which the data do not have
    except ConfigError as error:
        raise ConfigError(" ".join([str(error), *found.remarks])) from None
    return config


def _resume(arguments: argparse.Namespace, root: Path) -> Job:
    given = given_values(arguments, recipes.sections())
    fixed = [
        f"--{section}.{name}" for section in given if section not in RESUMABLE for name in given[section]
    ]
    fixed += [f"--{name}" for name in ("name", "preset", "config") if getattr(arguments, name)]
    if arguments.data or fixed:
        what = ", ".join([*([arguments.data] if arguments.data else []), *fixed])
        raise ConfigError(
            f"A resumed run keeps its recipe, so {what} cannot go with --resume. Start a new run."
        )
    run = open_run(root, arguments.resume)
    config = run.config().with_values(given, "the options")
    if arguments.checkpoint is None and not run.checkpoints():
        print(f"{run.name} has no checkpoint yet: it starts at its first step.", file=sys.stderr)
        return Job(run, config)
    checkpoint = find_checkpoint(run.checkpoints_path, arguments.checkpoint)
    if checkpoint.step >= config.train.steps:
        raise ConfigError(
            f"The run {run.name} is at step {checkpoint.step}, and train.steps is {config.train.steps}, so nothing is "
            f"left to train. Give it more with --steps, above {checkpoint.step}."
        )
    newest = run.checkpoints()[-1].step
    if arguments.checkpoint is None and newest > checkpoint.step:
        print(
            f"The checkpoint of step {newest} is damaged; going on from {checkpoint.step}.", file=sys.stderr
        )
    return Job(run, config, checkpoint)


def detach(job: Job, arguments: argparse.Namespace, home: Path, data: Path) -> int:
    """Have a background process train; returns once it does. Raises DDPMError where it cannot, or did not."""
    options = ["--download"] if arguments.download else []
    if arguments.resume:
        _check(job, data, arguments.download)
        given = given_values(arguments, recipes.sections())
        options += [
            f"--{section}.{name}={given[section][name]}" for section in given for name in given[section]
        ]
        options += [f"--checkpoint={job.checkpoint.step}"] if job.checkpoint else []
    training = background.start(job.run, home, data, options)
    try:
        training.wait()
    except KeyboardInterrupt:
        training.process.terminate()
        raise
    print(background_words(job.run, training.pid, home))
    return 0


def background_words(run: Run, pid: int, home: Path) -> str:
    """Where a run goes on, and how to see and stop it."""
    place = home_option(home)
    return (
        f"{run.name} is being trained in the background, by process {pid}.\n"
        f"  watch it  ddpm-studio attach {run.name}{place}\n"
        f"  stop it   ddpm-studio tell {run.name} stop{place}\n"
        f"  its words {run.log_path}"
    )


def _check(job: Job, data: Path, download: bool) -> None:
    """Find what is wrong with a resume before a process is started for it. Raises DDPMError."""
    from ddpm.datasets import refuse_no_data
    from ddpm.device import pick_device

    with job.run.locked():
        refuse_no_data(job.config, job.run.name)
    _with_known_data(job.config, data, download)
    pick_device(job.config.train.device)
