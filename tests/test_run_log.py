"""The log of a run keeps the newest events of each level, and no more."""

import asyncio

from textual.app import App, ComposeResult

from studio.widgets.run_log import LINES, RunLog


class OneLog(App[None]):
    def compose(self) -> ComposeResult:
        yield RunLog()


def test_what_was_grave_is_found_behind_any_number_of_other_events():
    async def script():
        async with OneLog().run_test(size=(80, 24)) as pilot:
            log = pilot.app.query_one(RunLog)
            log.add([{"kind": "failed", "step": 1}, {"kind": "warning", "step": 2}])
            log.add([{"kind": "preview", "step": step} for step in range(3, 3 + 2 * LINES)])
            shown = []
            for _ in range(4):
                await pilot.pause()
                shown.append([strip.text.strip() for strip in log.lines])
                log.show_next_level()
            return shown

    everything, grave, gravest, again = asyncio.run(script())
    assert len(everything) == LINES
    assert "preview" in everything[0]
    assert ["failed" in line for line in grave] == [True, False]
    assert ["failed" in line for line in gravest] == [True]
    assert again == everything
