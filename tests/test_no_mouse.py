"""Everything can be done without a mouse: tab comes to whatever can have the focus, on every screen, and goes on."""

import pytest
from app_pilot import drive, finished_run, until

from studio.screens.checkpoints import CheckpointsScreen
from studio.screens.compare import CompareScreen
from studio.screens.monitor import MonitorScreen
from studio.screens.new_run import NewRunScreen
from studio.screens.runs import RunsScreen
from studio.screens.sample import SampleScreen
from studio.screens.schedule import ScheduleScreen

WAYS = [
    (RunsScreen, []),
    (NewRunScreen, ["n"]),
    (MonitorScreen, ["enter"]),
    (CheckpointsScreen, ["c"]),
    (SampleScreen, ["s"]),
    (ScheduleScreen, ["f"]),
    (CompareScreen, ["space", "down", "space", "C"]),
]


@pytest.mark.parametrize(("screen", "keys"), WAYS, ids=lambda part: getattr(part, "__name__", ""))
def test_tab_comes_everywhere(tmp_path, screen, keys):
    for name in ("alpha", "beta"):
        finished_run(tmp_path, name)

    async def script(pilot, app):
        await until(pilot, lambda: len(app.screen.list.rows) == 2)
        await pilot.press(*keys)
        await until(pilot, lambda: isinstance(app.screen, screen))
        await pilot.pause()
        chain = app.screen.focus_chain
        assert chain
        reached = []
        for _ in chain:
            await pilot.press("tab")
            reached.append(app.screen.focused)
        missed = [widget for widget in chain if widget not in reached]
        assert not missed, f"tab never came to {missed}"
        await pilot.press("shift+tab")
        assert app.screen.focused is reached[len(reached) - 2]

    drive(tmp_path, script, (120, 40))
