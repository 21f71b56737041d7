"""Owns the thread that trains. It never calls into the app; what it has to say is in the run directory."""

import gc
import sys
import threading
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.errors import DDPMError, RunError
from studio.thread_priority import let_the_screen_go_first
from studio.torch_import import load_torch, no_collections

if TYPE_CHECKING:
    from ddpm.checkpoint import Checkpoint
    from ddpm.commands import Command
    from ddpm.config import Config
    from ddpm.runs import Run


@dataclass(frozen=True)
class Progress:
    """How far the preparation is, in bytes or files; ``total`` is 0 where nobody knows it."""

    what: str
    done: int
    total: int


class Runner:
    """At most one training thread. The app reads its attributes on a timer; none is a lock to wait for."""

    def __init__(self, data_root: Path) -> None:
        self.data_root = data_root
        self.run: Run | None = None
        self.error = ""
        self.progress: Progress | None = None
        self._thread: threading.Thread | None = None
        self._stop_asked = threading.Event()
        self._has_begun = False

    @property
    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def trains(self, run: "Run") -> bool:
        """Whether this process is training that run just now."""
        return self.is_alive and self.run is not None and self.run.path == run.path

    def is_starting(self, run: "Run") -> bool:
        """Whether the thread is still on its way to the first event of that run."""
        return self.trains(run) and not self._has_begun

    def is_stopping(self, run: "Run") -> bool:
        """Whether that run was told to stop and has not yet."""
        return self.trains(run) and self._stop_asked.is_set()

    def error_of(self, run: "Run") -> str:
        """What went wrong with that run's training in this process; empty while nothing has."""
        return self.error if self.run is not None and self.run.path == run.path else ""

    def check_free(self, run: "Run") -> None:
        """Raise RunError while another run is being trained here, or this one anywhere."""
        if self.is_alive and self.run is not None:
            other = "" if self.run.path == run.path else f", or train {run.name} from another terminal"
            raise RunError(
                f"{self.run.name} is being trained in this app. Stop it first (S in its monitor){other}."
            )
        if run.is_training():
            raise RunError(f"{run.name} is being trained by another process already.")

    def start(
        self, run: "Run", checkpoint: "Checkpoint | None" = None, config: "Config | None" = None
    ) -> None:
        """Train ``run`` from its beginning or a checkpoint; its data set is downloaded where it is missing.

        ``config`` takes the place of its recipe. Raises RunError as ``check_free`` does.
        """
        self.check_free(run)
        self.run, self.error, self.progress = run, "", None
        self._stop_asked.clear()
        self._has_begun = False
        self._thread = threading.Thread(
            target=self._train, args=(run, checkpoint, config), name=f"train {run.name}"
        )
        self._thread.start()

    def stop(self) -> None:
        """Ask for a stop with a checkpoint. Goes past the run directory, as its disk may be full."""
        self._stop_asked.set()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the thread to end."""
        if self._thread is not None:
            self._thread.join(timeout)

    def give_back_memory(self) -> None:
        """Give the memory of a GPU, which its allocator keeps when a training has ended, to whoever wants it next."""
        torch = sys.modules.get("torch")
        if self.is_alive or torch is None or not torch.cuda.is_available():
            return
        gc.unfreeze()  # the network and its optimizer are among what was frozen
        gc.collect()
        torch.cuda.empty_cache()

    def _train(self, run: "Run", checkpoint: "Checkpoint | None", config: "Config | None") -> None:
        let_the_screen_go_first()
        try:
            load_torch()
            from ddpm.events import StepDone
            from ddpm.session import train_run

            events = train_run(
                run,
                data_root=self.data_root,
                take_commands=lambda: self._take_commands(run),
                checkpoint=checkpoint,
                config=config,
                download=True,
                progress=self._note_progress,
            )
            # Up to the first event data are downloaded and read, for minutes perhaps: collected as usual.
            next(events, None)
            self._has_begun = True
            with no_collections():
                for event in events:
                    if isinstance(event, StepDone):
                        break
            for _ in events:
                pass
        except KeyboardInterrupt:
            pass  # told to stop while it prepared, as its status says
        except DDPMError as error:
            self.error = str(error)
        except BaseException:
            self.error = traceback.format_exc()

    def _take_commands(self, run: "Run") -> "list[Command]":
        commands = run.take_commands()
        return [*commands, "stop"] if self._stop_asked.is_set() else commands

    def _note_progress(self, what: str, done: int, total: int) -> None:
        self.progress = Progress(what, done, total)
        # Nobody takes commands yet; an interrupt ends a download like a person's ctrl+c would.
        if self._stop_asked.is_set():
            raise KeyboardInterrupt
