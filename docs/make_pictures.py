"""Make the README's picture of the app: train the digits for a while in the real app and take its screen.

    python docs/make_pictures.py [--seconds 45]

Writes assets/monitor.png. Needs chromium, which draws the terminal's block and braille characters as terminals do.
"""

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from studio.app import StudioApp
from studio.terminal import find_pictures

ASSETS = Path(__file__).resolve().parent.parent / "assets"
COLUMNS, ROWS = 132, 38
# What Textual makes of one character cell, and the frame around the screen.
PIXELS = (COLUMNS * 12.2 + 40, ROWS * 24.4 + 83)


async def take(home: Path, seconds: float) -> str:
    """The monitor after so many seconds of training, as SVG."""
    app = StudioApp(home, home / "data", find_pictures("half"))
    async with app.run_test(size=(COLUMNS, ROWS)) as pilot:
        await pilot.pause(0.5)
        await pilot.press("t")
        await pilot.pause(seconds)
        picture = app.export_screenshot(title="ddpm-studio")
        app.workshop.runner.stop()
        while app.workshop.runner.is_alive:
            await asyncio.sleep(0.1)
    return picture


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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--seconds", type=float, default=45, help="how long to train before the picture (default 45)"
    )
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as scratch:
        svg = Path(scratch) / "monitor.svg"
        svg.write_text(asyncio.run(take(Path(scratch) / "home", seconds)))
        to_png(svg, ASSETS / "monitor.png", Path(scratch))
    print(ASSETS / "monitor.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
