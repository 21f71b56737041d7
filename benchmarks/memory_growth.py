"""What an hour of watching a run costs in memory.

    python benchmarks/memory_growth.py [--updates 36000] [--write]

The real program, in a pseudo-terminal of 160x48, watches a run that this process pretends to train: an hour of ten
updates a second, each a row of metrics and a beat of the status. Two of them are written at a time, as many as come
between two looks of the monitor, and the next two as soon as it has painted these, so that the hour is over in some
minutes; only the wait between two looks is taken from the app for that. Read are the resident bytes of the app's
process, after the warm-up, at each quarter and at the end. The numbers of the run itself have to be kept, as one may
look at any part of the curve: the pages that they fill stand beside it, and what is left is to stay as it was.
"""

import argparse
import gc
import math
import mmap
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psutil
from app_terminal import COLUMNS, AppTerminal
from results import table, write_section

from ddpm.config import Config
from ddpm.loss_bins import LOSS_BINS
from ddpm.runs import Run, this_process
from ddpm.runs_root import create_run
from studio.growing import Growing
from studio.run_series import QUANTITIES, RunSeries
from studio.spikes import SpikeFinder

TITLE = "An hour of watching a run"
UPDATES_A_LOOK = 2
WARM_UP = 1000
BATCH = 64
GOAL = 4 * 2**20
# The app as it is, but for the pauses between two looks at a run.
HURRIED = (
    "import sys; from studio.screens import monitor; monitor.POLL_SECONDS = 0.001; monitor.PAINT_SECONDS = 0; "
    "from studio.cli import main; sys.exit(main())"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--updates", type=int, default=36_000, help="rows of metrics (default 36000: an hour)"
    )
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/RESULTS.md")
    arguments = parser.parse_args()
    updates = arguments.updates
    if updates < 2 * WARM_UP:
        parser.error(f"at least {2 * WARM_UP} updates: the first {WARM_UP} warm it up")
    marks = [
        WARM_UP,
        *(updates * quarter // 4 for quarter in (1, 2, 3, 4) if updates * quarter // 4 > WARM_UP),
    ]
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        resident = watch(Path(home), marks)
    seconds = time.monotonic() - began
    text, met = report(resident, bytes_of_series(marks))
    print(
        f"{updates:,} updates, {updates / 36_000:.2f} hours of them, in {seconds:.0f} s; "
        f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n\n{text}"
    )
    if arguments.write:
        write_section(TITLE, text, ("textual", "numpy"))
    return 0 if met else 1


def report(resident: dict[int, int], held: dict[int, int]) -> tuple[str, bool]:
    """The bytes of the app and of its series after each mark, as text, and whether the goal is met."""
    rest = {mark: resident[mark] - held[mark] for mark in resident}
    first, last = min(rest), max(rest)
    rows = [
        [f"{mark:,}", *(f"{n / 2**20:.1f}" for n in (resident[mark], held[mark], left, left - rest[first]))]
        for mark, left in rest.items()
    ]
    grown = rest[last] - rest[first]
    met = grown <= GOAL
    a_row = (held[last] - held[first]) / (last - first)
    text = (
        f"{table(['updates', 'resident, MiB', 'the series', 'the rest', 'grown by'], rows)}\n\n"
        f"A row of the series takes {a_row:.0f} bytes. All else grew by {grown / 2**20:.1f} MiB; goal: "
        f"{GOAL / 2**20:.0f} MiB at most, which an allocator may keep: {'met' if met else 'missed'}."
    )
    return text, met


def watch(home: Path, marks: list[int]) -> dict[int, int]:
    """The resident bytes of the app after each of so many updates."""
    config = Config.build(
        {"data": {"source": "digits"}, "train": {"steps": marks[-1], "batch_size": BATCH, "log_every": 1}}
    )
    run = create_run(home / "runs", "alpha", config)
    status = this_process(state="running", steps=marks[-1], device="CPU", started=time.time())
    found: dict[int, int] = {}
    with run.locked():
        run.write_status(status)
        run.record("started", 0, "on CPU")
        terminal = AppTerminal(home, "attach", "alpha", "--images", "half", code=HURRIED)
        try:
            terminal.until(lambda: "nothing logged yet" in terminal.text, "the monitor")
            process, step = psutil.Process(terminal.pid), 0
            for mark in marks:
                while step < mark:
                    last = min(step + UPDATES_A_LOOK, mark)
                    feed(run, range(step + 1, last + 1))
                    step = last
                    beat = replace(status, step=step, images_seen=step * BATCH, heartbeat=time.time())
                    run.write_status(beat)
                    words = f"{step:,}/{marks[-1]:,}"
                    terminal.until(lambda words=words: words in terminal.text, f"step {words}")
                    terminal.forget()
                found[mark] = process.memory_info().rss
        finally:
            terminal.end()
    return found


def feed(run: Run, steps: range) -> None:
    for step in steps:
        run.append_metrics(row(step))


def row(step: int) -> dict[str, object]:
    """A row of metrics as a trainer writes it, at ten a second."""
    loss = 0.02 + math.exp(-step / 3000) + 0.01 * math.sin(step)
    return {
        "step": step, "images_seen": step * BATCH, "loss": loss, "grad_norm": 0.5 + 0.1 * math.sin(step / 7),
        "lr": 0.001, "img_per_s": 640.0, "seconds": step / 10, "memory": {"process": 2**29, "machine": 2**34},
        "loss_bins": [loss / (number + 1) for number in range(LOSS_BINS)], "time": 1.7e9 + step / 10,
    }  # fmt: skip


def bytes_of_series(marks: list[int]) -> dict[int, int]:
    """The pages that the numbers of a run of so many rows fill, and what is worked out of them to draw them."""
    series, spikes, step = RunSeries(), SpikeFinder(), 0
    found: dict[int, int] = {}
    for mark in marks:
        while step < mark:
            last = min(step + 100, mark)
            rows = [row(number) for number in range(step + 1, last + 1)]
            series.extend(rows)
            spikes.extend([one["step"] for one in rows], [one["loss"] for one in rows])
            draw(series)
            step = last
        arrays = [each.values for each in gc.get_objects() if isinstance(each, Growing)]
        found[mark] = sum(-(-array.nbytes // mmap.PAGESIZE) * mmap.PAGESIZE for array in arrays)
    return found


def draw(series: RunSeries) -> None:
    """Work out what the plot and the strip below it show at first: the loss, its band and the loss by timestep."""
    loss = series.of(QUANTITIES[0].field)
    first, last = float(loss.x[0]), float(loss.x[-1])
    loss.columns(first, last, 2 * COLUMNS)
    for one in series.loss_bins():
        one.curve.means(*one.ranges(first, last, COLUMNS))


if __name__ == "__main__":
    sys.exit(main())
