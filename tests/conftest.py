"""What several tests share: small recipes, homes of their own, and the command line as a person calls it."""

import atexit
import gc
import os
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from fork_server import REPOSITORY, run_code

# Before torch is imported: the tests run side by side, and threads that wait for each other only slow them down.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell that starts the tests in the background has them ignore these, and what they start would do so as well.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, usual)
# No test depends on what the person who runs it has set.
os.environ["DDPM_STUDIO_SETTINGS"] = "/nonexistent/settings.toml"
os.environ["DDPM_STUDIO_STATE"] = "/dev/null/nowhere"

# A network that trains a step in some milliseconds.
TINY = {
    "model": {
        "dim": 8,
        "dim_mults": (1, 2),
        "blocks_per_level": 1,
        "attention_head_dim": 8,
        "norm_groups": 4,
    },
    "diffusion": {"T": 50},
    "train": {
        "steps": 12,
        "batch_size": 8,
        "log_every": 4,
        "checkpoint_every": 5,
        "warmup_steps": 4,
        "device": "cpu",
    },
    "previews": {"every": 6, "n": 4, "steps": 3},
}
TINY_OPTIONS = [
    f"--{section}.{name}={','.join(map(str, value)) if isinstance(value, tuple) else value}"
    for section, values in TINY.items()
    for name, value in values.items()
]


def pytest_collection_finish() -> None:
    """What is imported by now stays: no later search for garbage, and some tests search often, looks through it."""
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # or libraries complain of leaks


CommandLine = Callable[..., subprocess.CompletedProcess[str]]


def environment(home: Path) -> dict[str, str]:
    """The environment of a process whose home, caches and all, is ``home``."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "LANG", "PYTHONPATH", "VIRTUAL_ENV")
    }
    paths = {
        name: str(home / name.lower()) for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
    }
    return {
        **kept,
        **paths,
        "HOME": str(home),
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "100",
        "PYTHONUNBUFFERED": "1",
    }


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home for runs."""
    return tmp_path / "home"


COMMAND_LINE = "import runpy; runpy.run_module('studio.cli', run_name='__main__', alter_sys=True)"


def call(home: Path, *words: str | Path, timeout: float = 100) -> subprocess.CompletedProcess[str]:
    """Call ddpm-studio in a process of its own, with ``home`` for its runs."""
    arguments = (*map(str, words), "--home", str(home))
    return run_code(COMMAND_LINE, *arguments, cwd=REPOSITORY, env=environment(home.parent), timeout=timeout)


@pytest.fixture
def command_line(home: Path) -> CommandLine:
    """Call ddpm-studio on a home of the test's own."""
    return partial(call, home)
