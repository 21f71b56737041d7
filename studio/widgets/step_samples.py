"""The samples that a run drew at one step after another, as a person goes down its checkpoints."""

import asyncio
from typing import TYPE_CHECKING

from ddpm.errors import DDPMError
from ddpm.runs import Run
from studio.feed import read_preview
from studio.widgets.preview import SamplePane

if TYPE_CHECKING:
    from studio.contact_sheet import Pixels


class StepSamples(SamplePane):
    """Call ``follow`` with the chosen step as often as one likes: what is shown already is not read again."""

    _wanted: int | None = -1

    async def follow(self, run: Run, step: int | None) -> None:
        """Show the preview that the run made at a step; None where there is none."""
        if step == self._wanted:
            return
        self._wanted = step
        if step is None:
            self.border_title = "samples"
            self.say("no samples up to here")
            return
        title = f"samples · step {step:,}"
        images, problem = await asyncio.to_thread(_images_at, run, step)
        # Meanwhile the cursor may have gone on.
        if self._wanted != step or not self.is_attached:
            return
        if images is None:
            self.border_title = title
            self.say(problem)
        else:
            self.show(images, title)


def _images_at(run: Run, step: int) -> "tuple[Pixels | None, str]":
    """The images, or why there are none."""
    # Imported in the thread that reads, so that numpy does not delay the first paint.
    from studio.contact_sheet import preview_images

    preview = read_preview(run, step)
    if preview is None:
        return None, "its recipe cannot be read"
    try:
        return preview_images(preview), ""
    except DDPMError as error:
        return None, str(error)
