"""Whether training ever holds the app up.

    python benchmarks/responsiveness.py [--seconds 30]

The app trains the embedded digits in its background thread at 160x48 while a task on its loop sleeps 5 ms at a time
and notes by how much it wakes up late.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

TICK = 0.005
STALL_GOAL = 0.1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--seconds", type=float, default=30, help="how long to watch the event loop (default 30)"
    )
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as home:
        late, steps = asyncio.run(watch_event_loop(Path(home), seconds))
    late.sort()
    print(f"event loop while training {steps} steps in {seconds:g} s: {len(late)} ticks of {TICK * 1e3:g} ms")
    for share in (0.5, 0.99, 0.999):
        print(f"  late by at most {late[int(share * (len(late) - 1))] * 1e3:7.1f} ms in {share:.1%}")
    print(f"  latest          {late[-1] * 1e3:7.1f} ms")
    met = late[-1] < STALL_GOAL
    print(f"\ngoal: no stall over {STALL_GOAL} s: {'met' if met else 'missed'}")
    return 0 if met else 1


async def watch_event_loop(home: Path, seconds: float) -> tuple[list[float], int]:
    """How late each tick of the loop was, and how many steps were trained meanwhile."""
    from studio.app import StudioApp
    from studio.terminal import find_pictures

    app = StudioApp(home, home / "data", find_pictures("half"))
    late: list[float] = []
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.press("t")
        runner = app.workshop.runner
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline and runner.is_alive:
            expected = time.perf_counter() + TICK
            await asyncio.sleep(TICK)
            late.append(time.perf_counter() - expected)
        steps = runner.run.status().step if runner.run else 0
        runner.stop()
        while runner.is_alive:
            await asyncio.sleep(0.05)
    if not steps:
        raise SystemExit(f"nothing was trained: {runner.error}")
    return late, steps


if __name__ == "__main__":
    sys.exit(main())
