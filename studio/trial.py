"""A short measured trial of a recipe in a thread of its own, that can be broken off after any step."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.config import Config
from ddpm.errors import DDPMError
from studio.torch_import import load_torch

if TYPE_CHECKING:
    from studio.pace import Pace

# What else a recipe says changes the time of a step by too little to measure it again.
_NO_MATTER = {
    "train": {
        "steps", "max_minutes", "lr", "lr_schedule", "warmup_steps", "weight_decay", "grad_clip", "seed",
        "ema_decay", "log_every", "held_out_every", "checkpoint_every", "keep_checkpoints", "keep_every",
        "non_finite_limit", "max_rollbacks", "ema_snapshot_every", "label_dropout",
    },
    "data": {"class_names", "held_out", "workers", "stream"},
    "previews": True,
    "changes": True,
}  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """What a trial found for a recipe: a pace, or a sentence why there is none; neither while nothing is known."""

    config: Config
    pace: "Pace | None" = None
    problem: str = ""

    def holds_for(self, config: Config) -> bool:
        """Whether a step of this recipe takes as long."""
        return _what_matters(self.config) == _what_matters(config)


def _what_matters(config: Config) -> dict[str, object]:
    return config.model_dump(exclude=_NO_MATTER)  # type: ignore[arg-type]


class Trial:
    """At most one trial at a time. Its attributes are read on a timer; ``measured`` is the newest there is."""

    def __init__(self, data_root: Path) -> None:
        self._data_root = data_root
        self._thread: threading.Thread | None = None
        self._given_up = threading.Event()
        self.measured: Measured | None = None

    @property
    def is_alive(self) -> bool:
        """Whether steps are being measured."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, config: Config) -> None:
        """Measure a recipe, unless a trial goes on."""
        if self.is_alive:
            return
        self._given_up.clear()
        self.measured = Measured(config)
        # A daemon, as one slow step must not hold up leaving the app.
        self._thread = threading.Thread(target=self._try, args=(config,), name="trial", daemon=True)
        self._thread.start()

    def give_up(self) -> None:
        """Break it off after the step that it is at; what has been measured is kept."""
        self._given_up.set()

    def _try(self, config: Config) -> None:
        try:
            load_torch()
            from studio.pace import paces

            for pace in paces(config, self._data_root, self._given_up.is_set):
                self.measured = Measured(config, pace)
        except DDPMError as error:
            self.measured = Measured(config, problem=str(error))
        except Exception as error:  # a driver can fail in any way; the form goes on
            self.measured = Measured(config, problem=f"the trial failed: {type(error).__name__}: {error}")
