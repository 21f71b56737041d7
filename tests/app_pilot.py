"""Drives the app as a person would: keys in, screen text out. Homes and run directories are made on the spot."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import textual._wait
import torch
from conftest import TINY
from PIL import Image
from textual.pilot import Pilot

from ddpm import checkpoint as checkpoints
from ddpm import unet
from ddpm.config import Config, merge
from ddpm.files import json_bytes
from ddpm.runs import Run, Status
from ddpm.runs_root import create_run
from studio.app import StudioApp
from studio.screens.dialogs import Confirm
from studio.settings import Settings
from studio.terminal import find_pictures

# After each key Textual's pilot waits for an idle process: here for an idle app, as a run may be trained beside it.
textual._wait.process_time = time.thread_time
textual._wait.SLEEP_GRANULARITY, textual._wait.SLEEP_IDLE = 1 / 200, 1 / 4000

Script = Callable[[Pilot[None], StudioApp], Awaitable[None]]


def drive(
    home: Path,
    script: Script,
    size: tuple[int, int] = (80, 24),
    *,
    toasts: bool = False,
    show: Run | None = None,
    settings: Settings | None = None,
    faults: bool = False,
) -> None:
    """Run the app on ``home`` in a terminal of ``size`` (columns, lines) and let ``script`` press its keys.

    With ``toasts`` its notifications are on screen, where they may cover other words; ``show``: the run whose
    monitor it begins with; ``settings``: the user's. Errors
    that are faults of the program fail the test, but with ``faults``.
    """

    async def session() -> None:
        pictures = find_pictures("half")
        # There is no line to spare, and each look at the screen draws its pictures once more.
        pictures.budget.set_rate(1e12)
        app = StudioApp(home, home / "data", pictures, show, settings=settings)
        try:
            async with app.run_test(size=size, notifications=toasts) as pilot:
                await pilot.pause()
                await script(pilot, app)
            fault = app.trouble if app.trouble and app.trouble.advice else None
            assert faults or fault is None, fault.details
        finally:
            app.workshop.runner.stop()
            await asyncio.to_thread(app.workshop.runner.join)

    asyncio.run(session())


async def until(pilot: Pilot[None], condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Let the app work until the condition holds; fails with what is on screen when it never does."""
    deadline = time.monotonic() + seconds
    patience = 0.02
    while not condition():
        assert time.monotonic() < deadline, f"never came true; on screen:\n{screen_text(pilot)}"
        await pilot.pause(patience)
        patience = min(1.5 * patience, 0.15)  # each look takes the time of the app that is waited for


async def until_seen(pilot: Pilot[None], words: str, seconds: float = 30.0) -> None:
    """Wait for words to be on screen."""
    await until(pilot, lambda: words in screen_text(pilot), seconds)


async def press_and_agree(pilot: Pilot[None], key: str) -> None:
    """Press a key and answer the question that follows with yes."""
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
    await pilot.press("y")


def screen_text(pilot: Pilot[None]) -> str:
    """The characters on screen, line by line."""
    app = pilot.app
    # As App.export_screenshot, but for the picture, which costs six times as much as the words.
    update = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    return "\n".join("".join(strip.text for strip in line).rstrip() for line in update.strips)


def tiny_config(**overrides: Any) -> Config:
    """A recipe on the embedded digits that trains a step in milliseconds."""
    return Config.build(merge(merge(TINY, {"data": {"source": "digits"}}), overrides))


def finished_run(home: Path, name: str = "done-1", steps: int = 40, kept: tuple[int, ...] = (20, 40)) -> Run:
    """A run directory as a trainer leaves it: metrics, events, a preview and checkpoints."""
    config = tiny_config(data={"image_size": [8, 8], "channels": 1}, train={"steps": steps})
    run = create_run(home / "runs", name, config)
    for step in range(2, steps + 1, 2):
        run.append_metrics(metrics_row(step))
    run.record("started", 0, "on CPU")
    run.record("finished", steps)
    write_preview(run, steps)
    for step in kept:
        write_checkpoint(run, step)
    run.write_status(
        Status(state="finished", step=steps, steps=steps, images_seen=steps * 8, heartbeat=time.time())
    )
    return run


def metrics_row(step: int, loss: float | None = None) -> dict[str, Any]:
    value = 1.0 / (1 + step / 10) if loss is None else loss
    memory = {"process": 2**29, "machine": 2**34}
    return {
        "step": step, "images_seen": step * 8, "loss": value, "grad_norm": 0.5, "lr": 0.001,
        "img_per_s": 400.0, "seconds": step / 10, "memory": memory, "time": time.time(),
    }  # fmt: skip


def write_preview(run: Run, step: int, n: int = 4, columns: int = 2, size: int = 8) -> np.ndarray:
    """A preview grid whose samples are plain greys; returns the samples, uint8 [n, 1, size, size]."""
    greys = np.linspace(40, 250, n).astype(np.uint8)
    samples = np.broadcast_to(greys[:, None, None, None], (n, 1, size, size)).copy()
    rows = -(-n // columns)
    grid = np.zeros((rows * size, columns * size), np.uint8)
    for at, sample in enumerate(samples):
        row, column = divmod(at, columns)
        grid[row * size : (row + 1) * size, column * size : (column + 1) * size] = sample[0]
    Image.fromarray(grid).save(run.previews_path / f"{step:08d}.png")
    recipe = {"step": step, "n": n, "columns": columns, "height": size, "width": size, "channels": 1}
    (run.previews_path / f"{step:08d}.json").write_bytes(json_bytes(recipe))
    return samples


def untrained_checkpoint(run: Run, step: int) -> None:
    """A checkpoint with the recipe's own network, as it is before its first step."""
    weights = unet.build(run.config()).state_dict()
    tensors = {"model": weights, "ema": weights, "optimizer": {"none": torch.zeros(1)}}
    checkpoints.save(run.checkpoints_path, step, tensors, {"step": step})


def write_checkpoint(run: Run, step: int) -> None:
    tensors = {stem: {"weight": torch.full((4,), float(step))} for stem in ("model", "ema", "optimizer")}
    checkpoints.save(run.checkpoints_path, step, tensors, {})
