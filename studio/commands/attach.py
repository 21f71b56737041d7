"""``ddpm-studio attach``: the app, in the monitor of a run that some process trains."""

import argparse
from pathlib import Path

from ddpm.errors import RunNameError
from ddpm.runs_root import list_runs, open_run
from studio.home import home_directory, runs_root
from studio.launch import add_looks, open_app


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``attach``."""
    parser.add_argument(
        "run", nargs="?", metavar="RUN", help="the run to watch (default: the one that is being trained)"
    )
    add_looks(parser, argparse.SUPPRESS)
    parser.epilog = (
        "Leaving the app stops nothing: it watches and controls the run through its directory. d in the monitor hands "
        "a run that the app trains itself to a background process."
    )


def command(arguments: argparse.Namespace) -> int:
    """Open the app; returns its exit code."""
    root = runs_root(home_directory(arguments.home))
    if arguments.run:
        return open_app(arguments, open_run(root, arguments.run))
    live = [run for run in list_runs(root) if run.is_training()]
    if not live:
        raise nothing_to_watch(root)
    if len(live) == 1:
        return open_app(arguments, live[0])
    return open_app(arguments, greeting=f"{len(live)} runs are being trained: choose the one to watch.")


def nothing_to_watch(root: Path) -> RunNameError:
    """Why there is no run to open, and what to do."""
    return RunNameError(
        f"No run in {root} is being trained. `ddpm-studio attach RUN` shows any run, `ddpm-studio train --resume RUN "
        "--detach` goes on with one; `ddpm-studio runs` lists them."
    )
