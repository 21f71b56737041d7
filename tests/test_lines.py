"""Lines that drop, terminals that nobody reads, signals at any time: real processes in pseudo-terminals."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from app_pilot import tiny_config
from conftest import REPOSITORY, environment
from pty_terminal import PtyTerminal

from ddpm.checkpoint import newest_whole
from ddpm.runs import Run, create_run
from studio.terminal_line import UnbreakableOutput

ENDLESS = {"train": {"steps": 100_000, "checkpoint_every": 100_000}, "previews": {"every": 0}}


@pytest.fixture
def terminal(home) -> Iterator[PtyTerminal]:
    """The app, in a terminal of its own."""
    own = environment(home.parent)
    own |= {"PYTHONPATH": str(REPOSITORY), "DDPM_STUDIO_SETTINGS": str(home.parent / "settings.toml")}
    terminal = PtyTerminal([sys.executable, "-m", "studio.cli", "--home", str(home)], own)
    try:
        yield terminal
    finally:
        terminal.close()


@pytest.fixture
def stop_on_hangup(home) -> None:
    """The setting, for those who want it so."""
    (home.parent / "settings.toml").write_text('on_hangup = "stop"\n')


def training(terminal: PtyTerminal, home: Path, recipe: dict[str, Any] = ENDLESS) -> Run:
    """A run that the app in the terminal trains."""
    run = create_run(home / "runs", "alpha", tiny_config(**recipe))
    terminal.until_written("alpha")
    terminal.press("r")
    terminal.until_written("no whole checkpoint")
    terminal.press("y")
    terminal.until(lambda: run.status().step > 2)
    return run


def goes_on(terminal: PtyTerminal, run: Run, steps: int = 50) -> None:
    """Wait until so many steps more have been trained, by the same process."""
    aim = run.status().step + steps
    terminal.until(lambda: run.status().step > aim)
    assert run.status().pid == terminal.pid


def stopped_with_a_checkpoint(run: Run) -> bool:
    newest = newest_whole(run.checkpoints_path)
    return run.status().state == "stopped" and newest is not None and newest.step == run.status().step


def fill(terminal: PtyTerminal) -> None:
    """Nobody reads any more, and the app has more to draw than anybody has room for."""
    terminal.stop_reading()
    terminal.press("?q" * 20)  # help opens and closes
    assert terminal.is_full


def test_nobody_reads_and_then_the_line_drops_and_training_goes_on_until_it_is_told_to_stop(terminal, home):
    run = training(terminal, home)
    fill(terminal)
    goes_on(terminal, run)
    terminal.hang_up()
    goes_on(terminal, run)
    os.kill(terminal.pid, signal.SIGHUP)  # it may come late
    os.kill(terminal.pid, signal.SIGTERM)
    assert terminal.wait() == 128 + signal.SIGTERM
    assert stopped_with_a_checkpoint(run)


def test_without_a_terminal_a_run_obeys_its_inbox_and_goes_on_to_its_end(terminal, home):
    run = training(terminal, home, {"train": {"steps": 100, "log_every": 1}})
    run.send("pause")
    terminal.until(lambda: run.status().state == "paused")
    terminal.hang_up()
    run.send("resume")
    assert terminal.wait() == 0
    assert run.status().state == "finished"
    assert [row["step"] for row in run.metrics()] == list(range(1, 101))
    assert run.log_path.read_text() == ""


def test_by_setting_a_line_that_drops_stops_with_a_checkpoint(stop_on_hangup, terminal, home):
    run = training(terminal, home)
    terminal.press("q")
    terminal.until_written("is training. Stop it")
    terminal.hang_up()
    assert terminal.wait() == 128 + signal.SIGHUP
    assert stopped_with_a_checkpoint(run)


def test_without_a_run_in_training_the_app_just_leaves(terminal):
    terminal.until_written("There are no runs yet")
    terminal.hang_up()
    assert terminal.wait() == 0


def test_a_signal_leaves_a_terminal_that_nobody_reads(terminal):
    terminal.until_written("There are no runs yet")
    fill(terminal)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):  # impatience is answered, not obeyed
        os.kill(terminal.pid, number)
    assert terminal.wait() in (128 + signal.SIGINT, 128 + signal.SIGTERM)  # the kernel may turn two around


def test_a_signal_leaves_the_terminal_as_it_was(terminal):
    terminal.until_written("There are no runs yet")
    os.kill(terminal.pid, signal.SIGTERM)
    assert terminal.wait() == 128 + signal.SIGTERM
    terminal.stop_reading()
    assert terminal.written.count(b"\x1b[?1049h") == terminal.written.count(b"\x1b[?1049l") == 1
    assert b"Traceback" not in terminal.written


def test_what_is_drawn_on_a_terminal_that_is_gone_goes_nowhere():
    terminal, screen = os.openpty()
    os.close(terminal)
    with os.fdopen(screen, "w") as stream:
        with pytest.raises(OSError, match="Input/output error"):
            print("gone", file=stream, flush=True)
        output = UnbreakableOutput(stream)
        assert output.write("gone") == 4
        output.flush()
        assert output.fileno() == screen
        os.dup2(os.open(os.devnull, os.O_WRONLY), screen)  # the stream is flushed once more when it is closed
