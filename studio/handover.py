"""Hands a run that this process trains over to a background process, which goes on with the very next step."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from ddpm.checkpoint import SPARE
from ddpm.errors import RunError
from ddpm.runs import Run
from ddpm.sizes import size
from studio import background
from studio.long_job import GivenUpError
from studio.runner import Runner

LOOK_SECONDS = 0.05
# Of a parameter in a checkpoint: the weight, its average, and two moments of the optimizer.
BYTES_A_PARAMETER = 16


async def hand_over(
    runner: Runner, run: Run, home: Path, data_root: Path, given_up: Callable[[], bool] = lambda: False
) -> background.BackgroundTraining:
    """Stop training here with a checkpoint, and have a background process resume from it; returns once it does.

    A paused run is paused again. Raises RunError where the disk has no room for that checkpoint, and training goes on
    here; and where it ended instead, or no process goes on with it: its last checkpoint is there then, to resume from.
    So it is, too, where ``given_up`` says that nobody wants this any more, with GivenUpError.
    """
    await asyncio.to_thread(_refuse_full_disk, run)
    was_paused = run.status().state == "paused"
    runner.stop()
    while runner.is_alive:
        await asyncio.sleep(LOOK_SECONDS)
    if (status := run.status()).state != "stopped":
        why = f": {status.message}" if status.message else ""
        raise RunError(f"{run.name} {status.state} before it could be handed over{why}")
    if given_up():
        raise GivenUpError
    await asyncio.to_thread(runner.give_back_memory)
    training = await asyncio.to_thread(background.start, run, home, data_root, ["--download"])
    while not await asyncio.to_thread(training.has_begun):
        if given_up():
            training.process.terminate()
            await asyncio.to_thread(training.process.wait)
            raise GivenUpError
        await asyncio.sleep(LOOK_SECONDS)
    if was_paused:
        run.send("pause")
    return training


def _refuse_full_disk(run: Run) -> None:
    there = run.checkpoints()
    needed = SPARE + (there[-1].size if there else BYTES_A_PARAMETER * run.status().parameters)
    free = shutil.disk_usage(run.path).free
    if free < needed:
        raise RunError(
            f"{run.name} goes on here: to be handed over it needs a checkpoint of about {size(needed)}, and "
            f"{size(free)} are free on its disk. Make room, then try again."
        )
