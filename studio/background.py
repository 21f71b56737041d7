"""Trains a run in a background process with a session of its own, which outlives the shell and the line."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import studio
from ddpm.errors import RunError
from ddpm.printable import printable
from ddpm.runs import Run, Status

# A preparation that takes longer, such as a download, is not waited for.
PATIENCE_SECONDS = 20.0
POLL_SECONDS = 0.05

# The packages are found where this process found them; -P keeps the folder that one happens to stand in out of it.
# No line that hangs up means this process, whatever the person has set for others.
_BEGIN = (
    "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
    "place = sys.argv.pop(1); place in sys.path or sys.path.insert(0, place); "
    "from studio.cli import main; sys.exit(main())"
)


@dataclass(frozen=True)
class BackgroundTraining:
    """A background process that was told to train a run, and what the run said ``before``; ``started`` by a clock
    that nobody sets."""

    run: Run
    process: subprocess.Popen[bytes]
    before: Status
    started: float
    log_offset: int

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self.process.pid

    def wait(self) -> None:
        """Wait until ``has_begun``. Raises RunError as that does."""
        while not self.has_begun():
            time.sleep(POLL_SECONDS)

    def has_begun(self) -> bool:
        """Whether it trains the run, or prepares for so long that nobody should wait for it.

        Raises RunError, in the words of the process, where it failed instead.
        """
        ended = self.process.poll() is not None  # before the status, so that its last word is not missed
        status = self.run.status()
        if not self._is_of_it(status):
            if ended:
                raise self._failure(self._last_words())
            return False
        if status.state == "failed":
            raise self._failure(status.message)
        if ended and status.state in ("preparing", "running", "paused"):
            raise self._failure(self._last_words())
        return status.state != "preparing" or time.monotonic() - self.started > PATIENCE_SECONDS

    def _is_of_it(self, status: Status) -> bool:
        # The number of a process alone may come again: in a container that is started anew it often does.
        return status.pid == self.pid and status.heartbeat != self.before.heartbeat

    def _failure(self, why: str) -> RunError:
        return RunError(
            f"The background process could not train {self.run.name}. {why} All its words: {self.run.log_path}"
        )

    def _last_words(self) -> str:
        """The last line that it wrote into its log."""
        try:
            with self.run.log_path.open("rb") as file:
                file.seek(max(self.log_offset, file.seek(0, os.SEEK_END) - 4096))
                lines = file.read().decode(errors="replace").split("\n")
        except OSError:
            lines = []
        said = [printable(line.strip()) for line in lines if line.strip()]
        return said[-1].removeprefix("ddpm-studio: ") if said else f"It ended with {self.process.returncode}."


def start(run: Run, home: Path, data_root: Path, options: Sequence[str] = ()) -> BackgroundTraining:
    """Start the process; ``options`` are those of ``ddpm-studio train --resume``.

    It goes on from the newest whole checkpoint, or begins with the first step where there is none; it reads
    nothing, and what it says is appended to trainer.log of the run. Raises RunError where it cannot be started.
    """
    place = str(Path(studio.__file__).resolve().parent.parent)
    command = [sys.executable, "-P", "-c", _BEGIN, place, "--home", str(home), "--data-root", str(data_root)]
    before, started = run.status(), time.monotonic()
    try:
        log = os.open(
            run.log_path,
            os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
            0o666,
        )
        try:
            log_offset = os.fstat(log).st_size
            process = subprocess.Popen(
                [*command, "train", "--resume", str(run.path), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
            return BackgroundTraining(run, process, before, started, log_offset)
        finally:
            os.close(log)
    except OSError as error:
        raise RunError(
            f"No background process could be started for {run.name}: {error.strerror}, at "
            f"{error.filename or run.log_path}."
        ) from None
