"""What was drawn from a run and saved: its folders below samples/, with their recipes. Without a screen."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ddpm.errors import RunError
from ddpm.files import parse_json, read_small
from ddpm.printable import printable
from ddpm.runs import Run
from ddpm.sample_config import SampleConfig
from studio.drawing import SHOWN_AT_MOST, Order
from studio.edits import EDITS

if TYPE_CHECKING:
    from studio.frames import Pixels

RECIPES = ("sample.json", "edit.json")
MOST_DRAWINGS = 500
MOST_PIXELS = 1 << 24


@dataclass(frozen=True)
class SavedDrawing:
    """A folder of saved images, when it was written, and what its recipe says."""

    folder: Path
    time: float
    recipe: dict[str, Any]

    @property
    def name(self) -> str:
        return printable(self.folder.name)

    @property
    def about(self) -> str:
        """Its recipe in one line."""
        told = {
            name: self.recipe.get(name, "?") for name in ("step", "n", "sampler", "steps", "seed", "weights")
        }
        edit = f"{self.recipe['edit']} · " if "edit" in self.recipe else ""
        words = "{n} images · {sampler}, {steps} steps · seed {seed} · {weights}".format_map(told)
        return printable(f"step {told['step']} · {edit}{words}")[:200]

    def order(self) -> Order:
        """How to draw it again. Raises RunError where its recipe cannot be understood."""
        edit = str(self.recipe.get("edit", ""))
        pictures = self.recipe.get("pictures", [])
        try:
            model = EDITS[edit].recipe if edit else SampleConfig
            fields = {name: value for name, value in self.recipe.items() if name in model.model_fields}
            return Order(model.model_validate(fields), edit, tuple(map(str, pictures)))
        except (KeyError, TypeError, ValidationError):
            raise RunError(f"The recipe in {self.folder} cannot be understood by this version.") from None


def saved_drawings(run: Run) -> list[SavedDrawing]:
    """The folders with a recipe among the run's samples, newest first, at most 500."""
    found = []
    try:
        folders = [Path(entry.path) for entry in os.scandir(run.path / "samples") if entry.is_dir()]
    except OSError:
        return []
    for folder in folders:
        for name in RECIPES:
            try:
                time = (folder / name).stat().st_mtime
                recipe = parse_json(read_small(folder / name))
            except (OSError, ValueError):
                continue
            if isinstance(recipe, dict):
                found.append(SavedDrawing(folder, time, recipe))
                break
    return sorted(found, key=lambda drawing: (drawing.time, drawing.name), reverse=True)[:MOST_DRAWINGS]


def images_of(drawing: SavedDrawing) -> "Pixels":
    """The saved images, uint8 [n, C, H, W], at most the first 256. Raises RunError where they cannot be read."""
    import numpy as np

    from studio.png_pixels import UNREADABLE, png_pixels

    try:
        n, channels = int(drawing.recipe["n"]), int(drawing.recipe["channels"])
        height, width = int(drawing.recipe["height"]), int(drawing.recipe["width"])
        shown = min(n, SHOWN_AT_MOST, MOST_PIXELS // max(1, height * width))
        digits = max(4, len(str(n - 1)))
        images = []
        for index in range(shown):
            pixels = png_pixels(drawing.folder / f"{index:0{digits}d}.png", width, height, channels)
            images.append(pixels[None] if channels == 1 else pixels.transpose(2, 0, 1))
        return np.stack(images)
    except UNREADABLE as error:
        raise RunError(f"The images in {drawing.folder} cannot be shown: {error}.") from None
