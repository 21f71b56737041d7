"""What every screen needs to know: the places on disk, the pictures of this terminal, and who trains."""

from dataclasses import dataclass
from pathlib import Path

from studio.home import runs_root
from studio.runner import Runner
from studio.terminal import Pictures


@dataclass(frozen=True)
class Workshop:
    home: Path
    data_root: Path
    pictures: Pictures
    runner: Runner

    @property
    def runs_root(self) -> Path:
        return runs_root(self.home)
