"""``ddpm-studio delete``: remove a run for good."""

import argparse
import sys

from ddpm.errors import ConfigError
from ddpm.runs import Run
from ddpm.runs_root import named_run
from studio import figures
from studio.home import home_directory, runs_root
from studio.run_state import seen_state


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``delete``."""
    parser.add_argument("run", metavar="RUN", help="a run; not one that is being trained")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def command(arguments: argparse.Namespace) -> int:
    """Delete the run, once a person or ``--yes`` has agreed; returns 1 where the person has not.

    Raises RunError where it is being trained, ConfigError where there is nobody to ask.
    """
    run = named_run(runs_root(home_directory(arguments.home)), arguments.run)
    if not (arguments.yes or agreed(run)):
        print("Nothing was deleted.")
        return 1
    run.delete()
    print(f"{run.name} is deleted.")
    return 0


def agreed(run: Run) -> bool:
    """Ask the person at the terminal. Raises ConfigError where there is none."""
    if not sys.stdin.isatty():
        raise ConfigError(f"Nobody is there to be asked. To delete {run.name} for good, say --yes.")
    status, checkpoints = run.status(), run.checkpoints()
    state = seen_state(status, training=run.is_training())
    room = figures.size(sum(checkpoint.size for checkpoint in checkpoints))
    print(f"{run.name}: {state} at step {status.step:,}, {len(checkpoints)} checkpoints, {room}.")
    try:
        answer = input("Delete it for good, with all its samples? (yes/no) ")
    except EOFError:
        return False
    return answer.strip().lower() in ("y", "yes")
