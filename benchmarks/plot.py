"""What the plot costs: a refresh at 120 x 36 for runs of any length, and opening a run of a million rows.

    python benchmarks/plot.py [--rows 1000000]

A refresh is everything that the app does for one on its event loop: the picture is drawn anew and all lines of the
widget are asked for. One run is opened as the monitor does it: read, parsed, averaged and drawn.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from textual.app import App, ComposeResult

from ddpm.config import Config
from ddpm.runs import Run
from ddpm.runs_root import create_run
from studio.feed import RunFeed
from studio.run_view import RunView
from studio.store import Series
from studio.widgets.plot import Plot
from studio.widgets.plot_lines import Line

SIZE = (120, 36)
REPEATS = 30
REFRESH_GOAL = 5e-3
OPEN_GOAL = 1.0


class OnePlot(App[None]):
    """A terminal full of one plot."""

    def compose(self) -> ComposeResult:
        yield Plot()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10**6, help="rows of the run (default 1000000)")
    rows = parser.parse_args().rows
    slowest = asyncio.run(refresh_table())
    with tempfile.TemporaryDirectory() as home:
        run = long_run(Path(home), rows)
        opened = open_table(run, rows)
    met = slowest <= REFRESH_GOAL and opened <= OPEN_GOAL
    print(
        f"\ngoals: {REFRESH_GOAL * 1e3:g} ms a refresh, {OPEN_GOAL:g} s to open: {'met' if met else 'missed'}"
    )
    return 0 if met else 1


async def refresh_table() -> float:
    """Print the milliseconds of refreshes; the slowest median in seconds."""
    slowest = 0.0
    print(
        f"{'points':>9} {'appended':>9} {'first':>8} {'log':>6} {'linear':>6} {'zoomed':>6} {'3 lines':>7}   ms"
    )
    for exponent in range(3, 7):
        points = 10**exponent
        started = time.perf_counter()
        series = [curve(points, seed) for seed in range(3)]
        appended = (time.perf_counter() - started) / 3
        app = OnePlot()
        async with app.run_test(size=SIZE):
            plot = app.query_one(Plot)
            plot.show([Line(series[0], "loss")])
            first = refresh(plot)
            cases = [median_refresh(plot)]
            plot.log_axis = False
            cases.append(median_refresh(plot))
            plot.action_zoom_in()
            cases.append(median_refresh(plot))
            plot.action_show_everything()
            plot.show([Line(one, f"run {number}", number, band=False) for number, one in enumerate(series)])
            refresh(plot)
            cases.append(median_refresh(plot))
        slowest = max(slowest, *cases[:3])
        log, linear, zoomed, three = (f"{case * 1e3:.2f}" for case in cases)
        print(
            f"{points:9,} {appended * 1e3:9.1f} {first * 1e3:8.1f} {log:>6} {linear:>6} {zoomed:>6} {three:>7}"
        )
    return slowest


def curve(points: int, seed: int) -> Series:
    """A loss as one sees it: it falls, and it is noisy."""
    random = np.random.default_rng(seed)
    x = np.arange(points)
    return Series.of(x, 0.02 + np.exp(-12 * x / points) + 0.03 * random.gamma(2, 1, points))


def refresh(plot: Plot) -> float:
    """Draw and hand out all lines; seconds of this thread, so that a busy machine counts the same."""
    started = time.thread_time()
    plot.show(plot.lines)
    for line in range(plot.size.height):
        plot.render_line(line)
    return time.thread_time() - started


def median_refresh(plot: Plot) -> float:
    return statistics.median(refresh(plot) for _ in range(REPEATS))


def long_run(home: Path, rows: int) -> Run:
    """A run directory with so many rows of metrics, as a trainer writes them."""
    run = create_run(home / "runs", "long-1", Config.build({"data": {"source": "digits"}}))
    random = np.random.default_rng(0)
    loss = 0.02 + np.exp(-12 * np.arange(rows) / rows) + 0.03 * random.gamma(2, 1, rows)
    bins = random.gamma(2, 1, (1000, 8)).round(4).tolist()
    memory = {"process": 2**30, "machine": 2**34}
    with run.metrics_path.open("w") as file:
        for step in range(1, rows + 1):
            row = {
                "step": step, "images_seen": 128 * step, "loss": float(loss[step - 1]), "grad_norm": 0.31,
                "lr": 2e-4, "img_per_s": 1234.567, "seconds": step / 10, "memory": memory,
                "loss_bins": bins[step % 1000], "time": 1.7e9 + step / 10,
            }  # fmt: skip
            file.write(json.dumps(row) + "\n")
    return run


def open_table(run: Run, rows: int) -> float:
    """Print how long a run takes to be read; the seconds until its whole curve is drawn from some of its rows."""
    feed, view = RunFeed(run), RunView()
    started = time.perf_counter()
    more, overview = True, 0.0
    while more:
        news = feed.poll()
        view.take(news, starting=False)
        more = news.more
        if not overview:
            view.loss.columns(0, rows, 2 * SIZE[0])
            overview, shown = time.perf_counter() - started, len(view.series)
            assert view.loss.x[-1] == rows
    assert len(view.series) == rows
    view.loss.columns(0, rows, 2 * SIZE[0])
    whole = time.perf_counter() - started
    megabytes = run.metrics_path.stat().st_size / 1e6
    print(f"\na run of {rows:,} rows, {megabytes:.0f} MB")
    print(f"  all of its curve, from {shown:,} rows   {overview:6.3f} s")
    print(f"  from every row, in the background {whole:8.2f} s")
    return overview


if __name__ == "__main__":
    sys.exit(main())
