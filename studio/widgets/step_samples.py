"""The samples that a run drew at one step after another, as a person goes down its checkpoints."""

import asyncio

from ddpm.runs import Run
from studio.preview_images import images_at
from studio.widgets.preview import SamplePane


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
        images, problem = await asyncio.to_thread(images_at, run, step)
        # Meanwhile the cursor may have gone on.
        if self._wanted != step or not self.is_attached:
            return
        if images is None:
            self.border_title = title
            self.say(problem)
        else:
            self.show(images, title)
