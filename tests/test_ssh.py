"""A real line: log in over SSH, train in the app, lose the line, log in again, and nothing was lost."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from app_pilot import tiny_config
from conftest import environment
from pseudo_terminal import PseudoTerminal

from ddpm.runs import Run
from ddpm.runs_root import create_run

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
CLIENT = shutil.which("ssh")
CONFIGURATION = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
PermitRootLogin yes
PasswordAuthentication no
StrictModes no
UsePAM no
PidFile none
PrintMotd no
PrintLastLog no
"""


@pytest.fixture
def ssh(tmp_path) -> Iterator[list[str]]:
    """The words that log in to a server of the test's own on this machine, as the person who runs the test."""
    for name in ("host_key", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "sshd_config").write_text(CONFIGURATION.format(port=port, folder=tmp_path))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd locks itself up; its service makes it
    with (tmp_path / "sshd.log").open("w") as log:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", tmp_path / "sshd_config"], stderr=log)
    until(lambda: "listening on" in (tmp_path / "sshd.log").read_text())
    options = [
        "IdentitiesOnly=yes",
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "BatchMode=yes",
    ]
    yield [
        *(CLIENT, "-tt", "-q", "-F", "none", "-p", str(port), "-i", str(tmp_path / "key")),
        *(word for option in options for word in ("-o", option)),
        f"{getpass.getuser()}@127.0.0.1",
    ]
    server.terminate()
    server.wait()


@pytest.fixture
def run(home) -> Iterator[Run]:
    """A run without end; whatever becomes of the test, its process does not outlive it."""
    endless = {"train": {"steps": 1_000_000, "log_every": 1, "checkpoint_every": 1_000_000}}
    run = create_run(home / "runs", "alpha", tiny_config(previews={"every": 0}, **endless))
    yield run
    if run.is_training():
        os.kill(run.status().pid, signal.SIGKILL)


def until(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def studio(home: Path, *words: str) -> str:
    """The line that a person types in a shell of the server."""
    own = environment(home.parent)
    variables = [f"{name}={own[name]}" for name in ("HOME", "OMP_NUM_THREADS", "XDG_CONFIG_HOME")]
    repository = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-m", "studio.cli", "--home", str(home), "--images", "none", *words]
    return f"cd {repository} && env {' '.join(variables)} {' '.join(command)}\r"


@pytest.mark.skipif(not (SSHD and CLIENT), reason="openssh-server and openssh-client are not installed")
def test_a_line_over_ssh_drops_and_whoever_logs_in_again_sees_the_training_go_on(ssh, run, home):
    first = PseudoTerminal(*ssh, env=dict(os.environ))
    try:
        first.press(studio(home))
        first.until_seen("■ stopped")
        first.press("r")
        first.until_seen("no whole checkpoint")
        first.press("y")
        first.until(lambda: run.status().step > 2)
    finally:
        first.signal(signal.SIGKILL)
    trainer, step = run.status().pid, run.status().step
    until(lambda: run.status().step > step + 20)

    second = PseudoTerminal(*ssh, env=dict(os.environ))
    try:
        second.press(studio(home, "attach", "alpha"))
        second.until_seen("● running")
        second.press("p")
        second.until_seen("‖ paused")
        second.press("p")
        second.until(lambda: run.status().state == "running")
    finally:
        second.close()
    step = run.status().step
    until(lambda: run.status().step > step)
    assert run.status().pid == trainer
    os.kill(trainer, signal.SIGTERM)
    until(lambda: not run.is_training())
    assert run.status().state == "stopped"
    assert run.checkpoints()[-1].step == run.status().step
    assert [row["step"] for row in run.metrics()] == list(range(1, run.status().step + 1))
    assert [event["kind"] for event in run.events()].count("started") == 1
