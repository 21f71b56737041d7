"""The denoising as an animated GIF."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ddpm.errors import RunError
from ddpm.files import replace_file
from ddpm.images import legible_grid, to_pil
from ddpm.progress import Told, untold
from studio.frames import Pixels

MOST_FRAMES = 80
FRAME_MILLISECONDS = 80
LAST_MILLISECONDS = 2000


def write_gif(path: Path, steps: Sequence[Pixels], told: Told = untold) -> None:
    """Write batches uint8 [n, C, H, W] as an endless GIF of grids, at most 80 of them; the last stays for longer.

    It is whole or not there; ``told`` hears of the frames. Raises RunError where it cannot be written.
    """
    chosen = np.linspace(0, len(steps) - 1, min(MOST_FRAMES, len(steps))).round().astype(int)
    durations = [FRAME_MILLISECONDS] * (len(chosen) - 1) + [LAST_MILLISECONDS]
    buffer = io.BytesIO()

    def pictures() -> Iterator[Image.Image]:
        for done, at in enumerate(chosen):
            told(done, len(chosen))
            yield _on_black(to_pil(legible_grid(steps[at])))

    others = pictures()
    first = next(others)
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=durations, loop=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, buffer.getvalue(), durable=False)
    except OSError as error:
        raise RunError(f"Cannot write {path}: {error.strerror}.") from None


def _on_black(picture: Image.Image) -> Image.Image:
    """A GIF knows no half-transparent pixels."""
    if picture.mode != "RGBA":
        return picture
    ground = Image.new("RGBA", picture.size, "black")
    return Image.alpha_composite(ground, picture).convert("RGB")
