"""The newest samples of one run after another, as a person goes down a list."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from textual.content import Content

from studio.terminal import Pictures
from studio.widgets.preview import SamplePane

if TYPE_CHECKING:
    from ddpm.runs import Preview, Run
    from studio.contact_sheet import Pixels


class NewestSamples(SamplePane):
    """Call ``follow`` with the chosen run as often as one likes: what has not changed is not read again."""

    def __init__(self, pictures: Pictures, id: str | None = None) -> None:
        super().__init__(pictures, empty="no samples yet", id=id)
        self._wanted: Path | None = None
        self._found: tuple[Path, Preview | None] | None = None

    async def follow(self, run: "Run | None") -> None:
        """Show the newest samples of the run; without a run, nothing."""
        self._wanted = run.path if run else None
        if run is None:
            self._found = None
            self.border_title = None
            self.say("")
            return
        preview = await asyncio.to_thread(_newest_preview, run)
        found = (run.path, preview)
        if found == self._found:
            return
        images, problem = None, "no samples yet"
        if preview is not None:
            images, problem = await asyncio.to_thread(_images_of, preview)
        # Meanwhile the cursor may have gone on: what was read for one run is not shown under another's name.
        if self._wanted != run.path or not self.is_attached:
            return
        # As content: a folder's name may hold brackets, which are no markup.
        title = Content(run.name + (f" · step {preview.step:,}" if preview else ""))
        if images is None:
            self.say(problem)
            self.border_title = title
        else:
            self.show(images, title)
        self._found = found


# These import in the thread that reads, so that pydantic does not delay the first paint.


def _newest_preview(run: "Run") -> "Preview | None":
    from studio.feed import newest_preview

    return newest_preview(run)


def _images_of(preview: "Preview") -> "tuple[Pixels | None, str]":
    from studio.preview_images import images_of

    return images_of(preview)
