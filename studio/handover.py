"""Hands a run that this process trains over to a background process, which goes on with the very next step."""

import asyncio
from pathlib import Path

from ddpm.errors import RunError
from ddpm.runs import Run
from studio import background
from studio.runner import Runner

LOOK_SECONDS = 0.05


async def hand_over(runner: Runner, run: Run, home: Path, data_root: Path) -> background.BackgroundTraining:
    """Stop training here with a checkpoint, and have a background process resume from it; returns once it does.

    A paused run is paused again. Raises RunError where it ended instead, or no process goes on with it; its last
    checkpoint is there then, to resume from.
    """
    was_paused = run.status().state == "paused"
    runner.stop()
    while runner.is_alive:
        await asyncio.sleep(LOOK_SECONDS)
    if (status := run.status()).state != "stopped":
        why = f": {status.message}" if status.message else ""
        raise RunError(f"{run.name} {status.state} before it could be handed over{why}")
    await asyncio.to_thread(runner.give_back_memory)
    training = await asyncio.to_thread(background.start, run, home, data_root, ["--download"])
    while not await asyncio.to_thread(training.has_begun):
        await asyncio.sleep(LOOK_SECONDS)
    if was_paused:
        run.send("pause")
    return training
