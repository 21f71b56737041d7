"""Lines that drop, terminals that nobody reads, signals at any time: real processes in pseudo-terminals."""

import fcntl
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import fork_server
import pytest
from app_pilot import tiny_config
from conftest import COMMAND_LINE, TINY_OPTIONS, environment
from pseudo_terminal import StudioTerminal

from ddpm.checkpoint import newest_whole
from ddpm.runs import Run
from ddpm.runs_root import create_run
from studio.terminal_line import UnbreakableOutput

ENDLESS = {"train": {"steps": 1_000_000, "checkpoint_every": 1_000_000}, "previews": {"every": 0}}


@pytest.fixture
def opened(home) -> Iterator[Callable[..., StudioTerminal]]:
    """Opens a terminal, which does not outlive the test."""
    terminals = []

    def opens(*words: str, **settings: str) -> StudioTerminal:
        terminals.append(StudioTerminal(home, *words, **settings))
        return terminals[-1]

    yield opens
    for terminal in terminals:
        terminal.close()


def trained_in_the_app(home, terminal: StudioTerminal, recipe: dict[str, Any] = ENDLESS) -> Run:
    """A run that the app in the terminal trains."""
    run = create_run(home / "runs", "alpha", tiny_config(**recipe))
    terminal.until_seen("alpha")
    terminal.press("r")
    terminal.until_seen("no whole checkpoint")
    terminal.press("y")
    terminal.until(lambda: run.status().step > 2)
    return run


def goes_on(run: Run, pid: int) -> bool:
    """Wait, while nobody reads, until 20 steps more have been trained, by the same process."""
    aim = run.status().step + 20
    deadline = time.monotonic() + 60
    while run.status().step < aim and time.monotonic() < deadline:
        time.sleep(0.01)
    return run.status().step >= aim and run.status().pid == pid


def stopped_with_a_checkpoint(run: Run) -> bool:
    newest = newest_whole(run.checkpoints_path)
    return run.status().state == "stopped" and newest is not None and newest.step == run.status().step


def test_nobody_reads_and_then_the_line_drops_and_training_goes_on_until_it_is_told_to_stop(home, opened):
    terminal = opened()
    run = trained_in_the_app(home, terminal)
    terminal.stall()
    assert goes_on(run, terminal.pid)
    terminal.hang_up()
    assert goes_on(run, terminal.pid)
    terminal.signal(signal.SIGHUP)  # it may come late
    terminal.signal(signal.SIGTERM)
    assert terminal.wait() == 128 + signal.SIGTERM
    assert stopped_with_a_checkpoint(run)


def test_without_a_terminal_a_run_obeys_its_inbox_and_goes_on_to_its_end(home, opened):
    terminal = opened()
    run = trained_in_the_app(home, terminal, {"train": {"steps": 100, "log_every": 1}})
    run.send("pause")
    terminal.until(lambda: run.status().state == "paused")
    terminal.hang_up()
    run.send("resume")
    assert terminal.wait() == 0
    assert run.status().state == "finished"
    assert [row["step"] for row in run.metrics()] == list(range(1, 101))
    assert run.log_path.read_text() == ""


def test_by_setting_a_line_that_drops_stops_with_a_checkpoint(home, opened):
    terminal = opened(on_hangup="stop")
    run = trained_in_the_app(home, terminal)
    terminal.press("q")
    terminal.until_seen("is training. Stop it")
    terminal.hang_up()
    assert terminal.wait() == 128 + signal.SIGHUP
    assert stopped_with_a_checkpoint(run)


def test_a_line_that_drops_while_a_run_is_handed_over_does_not_keep_it_from_arriving(home, opened):
    terminal = opened()
    run = trained_in_the_app(home, terminal)
    terminal.press("d")
    terminal.until_seen("to a background process")
    terminal.hang_up()
    assert terminal.wait() == 0
    try:
        other = run.status().pid
        assert other != terminal.pid
        assert goes_on(run, other)
    finally:
        if run.is_training():
            os.kill(run.status().pid, signal.SIGKILL)


def test_without_a_run_in_training_the_app_just_leaves(opened):
    terminal = opened()
    terminal.until_seen("There are no runs yet")
    terminal.hang_up()
    assert terminal.wait() == 0


def test_a_signal_leaves_a_terminal_that_nobody_reads(home, opened):
    terminal = opened()
    run = trained_in_the_app(home, terminal)
    terminal.stall()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):  # impatience is answered, not obeyed
        terminal.signal(number)
    # The kernel may turn two signals around.
    assert terminal.wait(reads=False) in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    assert stopped_with_a_checkpoint(run)


def test_a_signal_leaves_the_terminal_as_it_was(opened):
    terminal = opened()
    terminal.until_seen("There are no runs yet")
    terminal.signal(signal.SIGTERM)
    assert terminal.wait() == 128 + signal.SIGTERM
    assert terminal.written.count(b"\x1b[?1049h") == terminal.written.count(b"\x1b[?1049l") == 1
    assert b"Traceback" not in terminal.written


def test_a_broken_settings_file_is_told_in_the_app(opened):
    terminal = opened(on_hangup="explode")
    terminal.until_seen("on_hangup is 'explode'")


TRAIN = ("train", "digits", "--name", "alpha", *TINY_OPTIONS, "--steps=1000000", "--preview-every=0")


@pytest.mark.parametrize(("on_hangup", "code"), [("continue", signal.SIGTERM), ("stop", signal.SIGHUP)])
def test_the_command_loses_its_terminal_and_does_as_is_set(home, opened, on_hangup, code):
    terminal = opened(*TRAIN, "--checkpoint-every=1", on_hangup=on_hangup)
    run = Run(home / "runs" / "alpha")
    terminal.until(lambda: run.status().step > 2)
    terminal.hang_up()
    if on_hangup == "continue":
        assert goes_on(run, terminal.pid)
        terminal.signal(signal.SIGTERM)
    assert terminal.wait() == 128 + code
    assert stopped_with_a_checkpoint(run)
    assert "Traceback" not in run.log_path.read_text()


def test_the_command_trains_and_stops_while_nobody_reads_its_terminal(home, opened):
    terminal = opened(*TRAIN, "--checkpoint-every=2")  # each is a line
    run = Run(home / "runs" / "alpha")
    terminal.until(lambda: run.status().step > 2)
    while not terminal.is_full:
        assert goes_on(run, terminal.pid)
    assert goes_on(run, terminal.pid)
    terminal.signal(signal.SIGINT)
    assert terminal.wait(reads=False) == 128 + signal.SIGINT
    assert stopped_with_a_checkpoint(run)


def test_the_command_stops_while_nobody_reads_its_pipe(home):
    unread, output = os.pipe()
    with os.fdopen(unread, "rb"):
        process = fork_server.start(
            COMMAND_LINE,
            *("--home", str(home), *TRAIN, "--checkpoint-every=2"),
            cwd=fork_server.REPOSITORY,
            env=environment(home.parent),
            stdout=output,
        )
        fcntl.fcntl(output, fcntl.F_SETPIPE_SZ, 4096)
        run = Run(home / "runs" / "alpha")
        while select.select([], [output], [], 0)[1]:
            assert goes_on(run, process.pid)
        os.close(output)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
    assert stopped_with_a_checkpoint(run)


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
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, screen)  # the stream is flushed once more when it is closed
        os.close(nowhere)
