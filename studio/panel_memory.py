"""Which panels of the monitor are shown and how large they are: remembered from start to start, no setting."""

import os
from pathlib import Path
from typing import Annotated, Literal, get_args

import platformdirs
from pydantic import BaseModel, ConfigDict, Field

from ddpm.files import json_bytes, read_small, replace_file

Panel = Literal["plot", "samples", "system", "log"]
PANELS: tuple[Panel, ...] = get_args(Panel)
# Of the screen's width, in per cent, and of its lines.
SIDE = (20, 80)
LOG = (3, 60)


class PanelLayout(BaseModel):
    """``hidden`` panels; the width of the right column in per cent and the lines of the log, None: as suits."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    hidden: tuple[Panel, ...] = ()
    side: Annotated[float, Field(ge=SIDE[0], le=SIDE[1])] | None = None
    log: Annotated[int, Field(ge=LOG[0], le=LOG[1])] | None = None

    def toggled(self, panel: Panel) -> "PanelLayout":
        """The same with one panel hidden, or shown again."""
        if panel in self.hidden:
            hidden = tuple(other for other in self.hidden if other != panel)
        else:
            hidden = (*self.hidden, panel)
        return self.model_copy(update={"hidden": hidden})

    def with_side(self, per_cent: float) -> "PanelLayout":
        """The same with another width of the right column."""
        return self.model_copy(update={"side": min(max(per_cent, SIDE[0]), SIDE[1])})

    def with_log(self, lines: int) -> "PanelLayout":
        """The same with another height of the log."""
        return self.model_copy(update={"log": min(max(lines, LOG[0]), LOG[1])})


def memory_path() -> Path:
    """monitor.json in $DDPM_STUDIO_STATE, else in the user's state directory for ddpm-studio."""
    given = os.environ.get("DDPM_STUDIO_STATE")
    folder = Path(given).expanduser() if given else platformdirs.user_state_path("ddpm-studio")
    return folder / "monitor.json"


def remembered() -> PanelLayout:
    """The layout of the last time; as it suits where there was none, or its file is damaged."""
    try:
        return PanelLayout.model_validate_json(read_small(memory_path()))
    except (OSError, ValueError):
        return PanelLayout()


def remember(layout: PanelLayout) -> None:
    """Keep a layout for the next time; where it cannot be kept, only comfort is lost."""
    path = memory_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, json_bytes(layout.model_dump(mode="json")), durable=False)
    except OSError:
        return
