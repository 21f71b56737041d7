"""``ddpm-studio rename``: give a run another name."""

import argparse

from ddpm.runs_root import named_run
from studio.home import home_directory, runs_root


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``rename``."""
    parser.add_argument("run", metavar="RUN", help="a run; not one that is being trained")
    parser.add_argument("name", metavar="NEW", help="its new name")


def command(arguments: argparse.Namespace) -> int:
    """Rename the run. Raises RunError where it is being trained, or the name is taken or none."""
    run = named_run(runs_root(home_directory(arguments.home)), arguments.run)
    print(f"{run.name} is {run.rename(arguments.name).name} now.")
    return 0
