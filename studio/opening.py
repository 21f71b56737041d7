"""Opens the app, and opens it anew where an error has ended it: a run that it was training goes on meanwhile."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from studio import late_answers
from studio.app import StudioApp
from studio.error_report import report_of
from studio.garbage import collected_between_keys
from studio.leaving import Leaver
from studio.settings import Settings
from studio.terminal import Pictures
from studio.terminal_line import drawing_unbreakably, say

if TYPE_CHECKING:
    from ddpm.runs import Run

SOUND_SECONDS = 5.0  # an app that an error ends sooner than this would only be ended by it again


def run_app(
    home: Path,
    data_root: Path,
    pictures: Pictures,
    settings: Settings,
    show: "Run | None" = None,
    greeting: str = "",
    warning: str = "",
) -> int:
    """Open the app until its user leaves; returns the exit code. The others are as StudioApp has them.

    Whatever ends the app, a run that it was training is stopped with a checkpoint before this returns, or where
    its terminal went away, trained to its end if the person has not set otherwise.
    """
    pictures.budget.set_rate(settings.picture_bytes)
    app = StudioApp(home, data_root, pictures, show, greeting, warning, settings)
    while True:
        leaver = Leaver(app, app.workshop.runner, settings.on_hangup)
        with leaver.listening():
            began, is_over = time.monotonic(), True
            try:
                with drawing_unbreakably(), late_answers.swallowed(), collected_between_keys():
                    app.run()
                lived = time.monotonic() - began
                is_over = app.fault is None or lived < SOUND_SECONDS or leaver.is_leaving
            finally:
                app.stop_drawing()
                if is_over:
                    leaver.see_training_out()
        if is_over or app.fault is None:
            break
        report = report_of(app.fault, "the app, which began again")
        app = StudioApp(
            home, data_root, pictures, settings=settings, runner=app.workshop.runner, trouble=report
        )
    if app.farewell:
        say(app.farewell)
    return leaver.exit_code or app.return_code or 0
