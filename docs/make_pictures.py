"""Make the pictures of the app: train the digits in the real app, go through its screens and take each.

    python docs/make_pictures.py [--seconds 300]

Writes docs/pictures/*.png, and the monitor's to assets/ for the README. Needs chromium, which draws the terminal's
block and braille characters as terminals do.
"""

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from PIL import Image
from textual.pilot import Pilot

from ddpm.runs import Run
from studio.app import StudioApp
from studio.terminal import find_pictures

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
COLUMNS, ROWS = 150, 42
# What Textual makes of one character cell, and the frame around the screen.
PIXELS = (COLUMNS * 12.2 + 40, ROWS * 24.4 + 83)
COLORS = 256


async def take(home: Path, seconds: float) -> AsyncIterator[tuple[str, str]]:
    """The name and the SVG of each screen; the first run is trained for so many seconds, a second for a third of it."""
    pictures = find_pictures("half")
    pictures.budget.set_rate(1e12)  # no line to spare: every picture in full
    app = StudioApp(home, home / "data", pictures)
    async with app.run_test(size=(COLUMNS, ROWS), notifications=False) as pilot:

        def screen() -> str:
            return app.export_screenshot(title="ddpm-studio")

        await pilot.pause(0.5)
        for share in (1, 1 / 3):
            await pilot.press("t")
            await pilot.pause(2)
            run = app.workshop.runner.run
            assert run is not None
            await trained(pilot, run, seconds * share)
            if share == 1:
                yield "monitor", screen()
            app.workshop.runner.stop()
            while app.workshop.runner.is_alive:
                await pilot.pause(0.1)
            await pilot.press("escape")
            await seen(pilot, screen, "digits-1")
        await pilot.pause(2)
        yield "runs", screen()
        await pilot.press("f")
        await seen(pilot, screen, "network,")
        await pilot.pause(1)
        yield "schedule", screen()
        await pilot.press("escape")
        await pilot.press("up", "up", "space", "down", "space", "C")
        await pilot.pause(3)
        yield "compare", screen()
        await pilot.press("escape", "down", "c")
        await pilot.pause(3)
        yield "checkpoints", screen()
        await pilot.press("s")
        await pilot.pause(1)
        await pilot.press("ctrl+s")
        await seen(pilot, screen, "Done.")
        await pilot.pause(5)  # until the last images have come in full
        yield "sample", screen()
        await pilot.press("escape", "escape", "n")
        await pilot.pause(4)
        yield "new-run", screen()


async def trained(pilot: Pilot[None], run: Run, seconds: float) -> None:
    """Wait so long, and until samples have been drawn."""
    until = time.monotonic() + seconds
    while time.monotonic() < until or not list(run.previews_path.glob("*.png")):
        await pilot.pause(0.5)
    await pilot.pause(1)


async def seen(pilot: Pilot[None], screen: Callable[[], str], words: str) -> None:
    """Wait until words are on screen, two minutes at most."""
    until = time.monotonic() + 120
    while words.replace(" ", "&#160;") not in screen() and time.monotonic() < until:
        await pilot.pause(0.5)


def to_png(svg: Path, png: Path, scratch: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("chromium is not installed; the picture was not made")
    size = ",".join(str(round(side)) for side in PIXELS)
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--disable-background-networking",
    ]
    profile, background = f"--user-data-dir={scratch / 'profile'}", "--default-background-color=00000000"
    command = [
        browser,
        *options,
        profile,
        background,
        f"--window-size={size}",
        f"--screenshot={png}",
        svg.as_uri(),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    # A screen has few colours: a palette of them takes a third of the bytes.
    with Image.open(png) as picture:
        few = picture.convert("RGB").quantize(
            COLORS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
    few.save(png, optimize=True)


async def write(home: Path, seconds: float, scratch: Path) -> None:
    async for name, picture in take(home, seconds):
        svg = scratch / f"{name}.svg"
        svg.write_text(picture)
        png = PICTURES / f"{name}.png"
        await asyncio.to_thread(to_png, svg, png, scratch)
        print(f"{png.relative_to(ROOT)}  {png.stat().st_size / 1e3:.0f} kB")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--seconds", type=float, default=300, help="how long to train before the pictures (default 300)"
    )
    seconds = parser.parse_args().seconds
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(write(Path(scratch) / "home", seconds, Path(scratch)))
    shutil.copy(PICTURES / "monitor.png", ROOT / "assets" / "monitor.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
