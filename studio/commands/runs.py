"""``ddpm-studio runs``: list the runs, as a table or as JSON."""

import argparse
import json
import time
from typing import Any

from ddpm.errors import DDPMError
from ddpm.printable import printable
from ddpm.runs import Run
from ddpm.runs_root import list_runs
from studio.feed import last_row
from studio.home import home_directory, runs_root
from studio.run_state import seen_state


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``runs``."""
    parser.add_argument("--json", action="store_true", help="one JSON array, for programs")


def command(arguments: argparse.Namespace) -> int:
    """Print the runs; returns the exit code."""
    root = runs_root(home_directory(arguments.home))
    rows = [describe(run) for run in list_runs(root)]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    elif rows:
        print_table(rows)
    else:
        print(f"There are no runs in {root} yet. Make one: ddpm-studio train digits")
    return 0


def describe(run: Run) -> dict[str, Any]:
    """One run, as JSON."""
    status = run.status()
    state = seen_state(status, training=run.is_training())
    newest = last_row(run.metrics_path)
    try:
        data = printable(run.config().data.source)
    except DDPMError:
        data = "?"
    return {
        "name": run.name,
        "state": state,
        "data": data,
        "step": status.step,
        "steps": status.steps,
        "loss": newest.get("loss") if newest else None,
        "checkpoints": [checkpoint.step for checkpoint in run.checkpoints() if checkpoint.whole],
        "heartbeat": status.heartbeat,
        "message": status.message,
        "path": str(run.path),
    }


def print_table(rows: list[dict[str, Any]]) -> None:
    """The runs for people."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("name", "state", "data"):
        table.add_column(name, overflow="fold")
    for name in ("step", "loss", "checkpoint", "last sign of life"):
        table.add_column(name, justify="right")
    for row in rows:
        loss = "" if row["loss"] is None else f"{row['loss']:.4f}"
        newest = str(row["checkpoints"][-1]) if row["checkpoints"] else "none"
        table.add_row(
            row["name"],
            row["state"],
            row["data"],
            f"{row['step']}/{row['steps']}",
            loss,
            newest,
            ago(row["heartbeat"]),
        )
    Console(markup=False, highlight=False).print(table)


def ago(moment: float) -> str:
    """How long ago a time (in seconds since 1970) was, for people."""
    seconds = time.time() - moment
    if moment == 0:
        return "never"
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{max(0, int(seconds))} s ago"
