"""``ddpm-studio branch``: make a new run that begins at a checkpoint of another one."""

import argparse

from ddpm.checkpoint import find_checkpoint
from ddpm.runs import check_name
from ddpm.runs_root import open_run
from studio.home import home_directory, home_option, runs_root
from studio.options import step_number


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``branch``."""
    parser.add_argument("run", metavar="RUN", help="the run to begin from")
    parser.add_argument("name", metavar="NEW", help="the name of the new run")
    parser.add_argument(
        "--checkpoint",
        metavar="STEP",
        type=step_number,
        help="begin at this checkpoint (default: the newest whole one)",
    )
    parser.add_argument(
        "--set-aside",
        action="store_true",
        help="one of those that were kept for ever when training went back behind them; `doctor` tells of them",
    )


def command(arguments: argparse.Namespace) -> int:
    """Make the run and say how to go on. Raises RunError."""
    home = home_directory(arguments.home)
    run = open_run(runs_root(home), arguments.run)
    check_name(arguments.name)

    from ddpm.branch import branch, find_set_aside

    find = find_set_aside if arguments.set_aside else find_checkpoint
    checkpoint = find(run.checkpoints_path, arguments.checkpoint)
    made = branch(runs_root(home), arguments.name, run, checkpoint)
    print(
        f"{made.name} begins at step {checkpoint.step} of {run.name}. Train it on: "
        f"ddpm-studio train --resume {made.name}{home_option(home)}"
    )
    return 0
