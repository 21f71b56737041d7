"""``ddpm-studio tell``: send a command to the process that trains a run."""

import argparse

from ddpm.commands import parse_command
from ddpm.errors import RunError
from ddpm.runs_root import open_run
from studio.home import home_directory, runs_root


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``tell``."""
    parser.add_argument("run", metavar="RUN", help="a run that is being trained")
    parser.add_argument(
        "words",
        nargs="+",
        metavar="WORDS",
        help="pause, resume, preview, checkpoint, stop; lr X: go on with this highest learning rate; preview-every N: "
        "steps between two previews, 0 for none; note WORDS: write words into the run's events",
    )
    parser.epilog = (
        "It is done between two steps. A new lr, or number of steps between previews, becomes part of the run's "
        "config.toml with its step, so that a resumed run is the same run."
    )


def command(arguments: argparse.Namespace) -> int:
    """Send it; returns the exit code."""
    told = parse_command(arguments.words)
    run = open_run(runs_root(home_directory(arguments.home)), arguments.run)
    if not run.is_training():
        raise RunError(
            f"Nobody trains {run.name}, so there is nobody to tell. `ddpm-studio runs` lists the runs."
        )
    if run.status().state == "preparing":
        raise RunError(f"{run.name} is still opening its data; tell it once it trains.")
    run.send(told)
    print(f"told {run.name}: {' '.join(arguments.words)}")
    return 0
