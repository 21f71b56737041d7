"""How soon a thousand long runs are listed, and how soon a key is answered while they are.

    python benchmarks/runs_screen.py [--runs 1000] [--rows 100000]

The runs share one metrics file by hard links, so that the disk holds it once; it is read for each of them all the
same. Listed: from the start of the app, with Textual imported, until the rows of a first screen, details and all,
have been drawn. Read: until the details of all are there. Key: from a key that moves the cursor, types a letter of
the filter or changes the order until the screen is drawn. Look: what the list then costs once a second.
"""

import argparse
import asyncio
import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ddpm.config import Config
from ddpm.runs import Run, Status
from ddpm.runs_root import create_run
from studio.app import StudioApp
from studio.run_summaries import RunSummaries
from studio.screens.runs import RunsScreen
from studio.terminal import find_pictures
from studio.widgets.run_table import RunTable

LISTED_GOAL = 1.0
PATIENCE = 5.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000, help="default 1000")
    parser.add_argument("--rows", type=int, default=100_000, help="rows of metrics of each (default 100000)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        size = make_runs(home, arguments.runs, arguments.rows)
        print(f"{arguments.runs:,} runs of {arguments.rows:,} rows ({size / 2**20:.0f} MiB of metrics each)")
        figures = asyncio.run(measure(home))
        figures["look at all, nothing new"] = [seconds_of(look_again(home))]
    for name, times in figures.items():
        median, longest = statistics.median(times) * 1e3, max(times) * 1e3
        print(f"{name:34} {median:8.1f} ms" + (f", at most {longest:.1f} ms" if len(times) > 1 else ""))
    met = figures["listed"][0] <= LISTED_GOAL
    print(f"\ngoal: listed within {LISTED_GOAL:g} s: {'met' if met else 'missed'}")
    return 0 if met else 1


def make_runs(home: Path, runs: int, rows: int) -> int:
    """Runs as trainers leave them; returns the bytes of the metrics of one."""
    shared = home / "metrics.jsonl"
    with shared.open("w") as file:
        for step in range(rows):
            file.write(json.dumps(row(step)) + "\n")
    for number in range(runs):
        source = ("digits", "mnist", "fashion-mnist", "cifar10")[number % 4]
        config = Config.build({"data": {"source": source}, "train": {"steps": rows}})
        run = create_run(home / "runs", f"{source}-{number}", config)
        os.link(shared, run.metrics_path)
        state = "stopped" if number % 3 else "finished"
        run.write_status(Status(state=state, step=rows, steps=rows, heartbeat=time.time() - 60 * number))
    return shared.stat().st_size


def row(step: int) -> dict[str, object]:
    loss = 0.02 + math.exp(-step / 3000) + 0.01 * math.sin(step)
    memory = {"process": 2**29, "machine": 2**34}
    return {
        "step": step, "images_seen": step * 64, "loss": loss, "grad_norm": 0.5, "lr": 0.001, "img_per_s": 400.0,
        "seconds": step / 10, "memory": memory, "time": 1.7e9 + step / 10,
    }  # fmt: skip


async def measure(home: Path) -> dict[str, list[float]]:
    figures: dict[str, list[float]] = {}
    began = time.perf_counter()
    app = StudioApp(home, home / "data", find_pictures("half"))
    async with app.run_test(size=(160, 48)) as pilot:
        screen = app.screen
        assert isinstance(screen, RunsScreen)
        table = screen.query_one(RunTable)
        await until(lambda: bool(table.in_sight) and all(one.details for one in table.in_sight))
        await painted(table)
        figures["listed"] = [time.perf_counter() - began]

        async def keys(key: str, times: int, changes: Callable[[], object]) -> list[float]:
            return [await key_to_paint(app, table, key, changes) for _ in range(times)]

        figures["key while the rest is read"] = await keys("down", 20, lambda: table.cursor)
        await until(lambda: all(one.details for one in screen.list.all_runs))
        figures["all details read"] = [time.perf_counter() - began]
        figures["key: cursor down"] = await keys("down", 60, lambda: table.cursor)
        figures["key: page down"] = await keys("pagedown", 12, lambda: table.cursor)
        figures["key: another order"] = await keys("o", 8, lambda: screen.list.order)
        await pilot.press("slash")
        figures["key: a letter of the filter"] = [
            await key_to_paint(app, table, letter, lambda: screen.list.filter) for letter in "mnist-9"
        ]
    return figures


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.002)


async def painted(table: RunTable) -> None:
    """Wait until what has changed is drawn."""
    drawn = asyncio.Event()
    table.call_after_refresh(drawn.set)
    await drawn.wait()


async def key_to_paint(app: StudioApp, table: RunTable, key: str, changes: Callable[[], object]) -> float:
    before, began = changes(), time.perf_counter()
    app.simulate_key(key)
    while changes() == before:
        if time.perf_counter() > began + PATIENCE:
            raise RuntimeError(f"the key {key} changed nothing: make more runs")
        await asyncio.sleep(0)
    await painted(table)
    return time.perf_counter() - began


def look_again(home: Path) -> Callable[[], None]:
    summaries = RunSummaries(home / "runs")
    runs: list[Run] = [summary.run for summary in summaries.read()]
    summaries.read_details(runs)

    def look() -> None:
        summaries.read()
        summaries.read_details(runs)

    return look


def seconds_of(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    raise SystemExit(main())
