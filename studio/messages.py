"""What screens ask of the app: to go somewhere, or to train. They know the app by these messages only."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.message import Message

from studio.series_looks import SeriesLook

if TYPE_CHECKING:
    from ddpm.checkpoint import Checkpoint
    from ddpm.config import Config
    from ddpm.runs import Run


class OpenMonitor(Message):
    """Show the monitor of a run."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        super().__init__()


class OpenNewRun(Message):
    """Show the form for a new run; with a recipe, that of the run ``name``, filled in from it."""

    def __init__(self, config: "Config | None" = None, name: str = "") -> None:
        self.config = config
        self.name = name
        super().__init__()


class OpenSchedule(Message):
    """Show the schedule explorer with a recipe's schedule and data; with a run, its network's guesses as well."""

    def __init__(self, config: "Config", run: "Run | None" = None) -> None:
        self.config = config
        self.run = run
        super().__init__()


class OpenCompare(Message):
    """Show runs side by side, each with the look that tells it from the others."""

    def __init__(self, runs: "Sequence[tuple[Run, SeriesLook]]") -> None:
        self.runs = runs
        super().__init__()


class OpenCheckpoints(Message):
    """List the checkpoints of a run."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        super().__init__()


class OpenSample(Message):
    """Show the sampling screen of a run; without a checkpoint it takes the newest whole one."""

    def __init__(self, run: "Run", checkpoint: "Checkpoint | None" = None) -> None:
        self.run = run
        self.checkpoint = checkpoint
        super().__init__()


class StartTraining(Message):
    """Train a run that has just been made."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        super().__init__()


class ResumeTraining(Message):
    """Train a run on: from a checkpoint, or without one from the newest that is whole."""

    def __init__(self, run: "Run", checkpoint: "Checkpoint | None" = None) -> None:
        self.run = run
        self.checkpoint = checkpoint
        super().__init__()


class LetGo(Message):
    """Leave the app while a run goes on: in a background process, or in the other one that trains it already."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        super().__init__()


class Trouble(Message):
    """Show what did not work, until it has been read: a person has asked for it."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        super().__init__()


class QuietTrouble(Trouble):
    """Tell of what did not work in passing: nobody has asked for it just now."""
