"""The images of a preview, or the words to show in their place. Call it in threads: it reads the disk."""

from typing import TYPE_CHECKING

from ddpm.errors import DDPMError
from ddpm.runs import Preview, Run
from studio.feed import read_preview

if TYPE_CHECKING:
    from studio.contact_sheet import Pixels

# Why there is none at a step of which there are others, by its weights.
MISSING = {
    "ema": "this preview is damaged",
    "raw": "no samples of the raw weights\nat this step (previews.raw was off)\n\n[e] the averaged ones",
}


def images_at(run: Run, step: int, weights: str = "ema") -> "tuple[Pixels | None, str]":
    """The images that a run drew at a step, uint8 [N, C, H, W], or why there are none."""
    preview = read_preview(run, step, weights)
    return (None, MISSING[weights]) if preview is None else images_of(preview)


def images_of(preview: Preview) -> "tuple[Pixels | None, str]":
    """The images of a preview, uint8 [N, C, H, W], or why there are none."""
    # Imported in the thread that reads, so that numpy does not delay the first paint.
    from studio.contact_sheet import preview_images

    try:
        return preview_images(preview), ""
    except DDPMError as error:
        return None, str(error)
