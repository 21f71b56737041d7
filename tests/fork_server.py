"""Processes for the tests that need not import torch: each is forked from a server that has imported it already.

An interpreter that imports torch and the library takes about three seconds of CPU; a fork takes a hundredth. What is
forked is a process like any other: it has its own arguments, environment, folder, streams, session and exit code, and
it can be killed. What it does not show is what a fresh interpreter imports, and how one winds up; the tests of that
start their own.
"""

import atexit
import contextlib
import functools
import gc
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import types
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

REPOSITORY = Path(__file__).resolve().parent.parent
LONGEST_REQUEST = 1 << 20  # bytes
SERVED = sys.platform == "linux"  # elsewhere a fork of a process with torch in it is not safe


class ForkedProcess:
    """A child of the server, with what the tests use of ``subprocess.Popen``."""

    def __init__(self, report: socket.socket) -> None:
        self._report = report
        self.pid = int(report.recv(64))
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, negative for a signal. Raises subprocess.TimeoutExpired after ``timeout`` seconds."""
        if self.returncode is None:
            if not select.select([self._report], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
            self.returncode = int(self._report.recv(64))
            self._report.close()
        return self.returncode

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0.0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def start(
    code: str,
    *arguments: str,
    cwd: Path,
    env: dict[str, str],
    stdout: int = subprocess.DEVNULL,
    stderr: int = subprocess.DEVNULL,
) -> "ForkedProcess | subprocess.Popen[bytes]":
    """Start Python code as ``python -c code arguments`` does. ``stdout`` and ``stderr`` are file descriptors."""
    if not SERVED:
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    request = {"code": code, "arguments": arguments, "cwd": str(cwd), "env": env}
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with open(os.devnull, "r+b") as nothing, theirs:  # noqa: PTH123  # no path, but a device
        streams = [nothing.fileno() if fd == subprocess.DEVNULL else fd for fd in (stdout, stderr)]
        fds = [nothing.fileno(), *streams, theirs.fileno()]
        socket.send_fds(_server(), [json.dumps(request).encode()], fds)
        return ForkedProcess(ours)


def run_code(
    code: str, *arguments: str, cwd: Path, env: dict[str, str], timeout: float = 100
) -> subprocess.CompletedProcess[str]:
    """Run Python code as ``subprocess.run`` runs ``python -c code arguments``, its output and errors kept as text."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = start(code, *arguments, cwd=cwd, env=env, stdout=out.fileno(), stderr=errors.fileno())
        try:
            exit_code = process.wait(timeout)
        finally:
            process.kill()
        for file in (out, errors):
            file.seek(0)
        return subprocess.CompletedProcess(arguments, exit_code, out.read(), errors.read())


@functools.cache
def _server() -> socket.socket:
    """A server of this process's own, which ends with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        server = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            cwd=REPOSITORY,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def end() -> None:
        ours.close()
        server.wait()

    atexit.register(end)
    return ours


def preload() -> None:
    """Import what the commands import, and the modules that torch imports with its first optimizer."""
    import_module("torch._dynamo")
    import_module("safetensors.torch")
    import_module("PIL.PngImagePlugin")
    for package in ("ddpm", "studio.commands"):
        parent = import_module(package)
        for module in pkgutil.walk_packages(parent.__path__, f"{package}."):
            import_module(module.name)
    tasks = os.listdir("/proc/self/task")  # noqa: PTH208
    assert len(tasks) == 1, "a fork of a process with threads may wait for one that is not there"
    # What is here stays, so no child looks through it, which would copy its pages.
    gc.collect()
    gc.freeze()


def serve(requests: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Fork a child for each request and tell its pid, then its exit code. Returns in the child, with its request."""
    running: dict[int, tuple[int, int]] = {}
    while True:
        for ready in select.select([requests.fileno(), *running], [], [])[0]:
            if ready in running:
                pid, report = running.pop(ready)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                with contextlib.suppress(BrokenPipeError):
                    os.write(report, str(code).encode())
                os.close(report)
                os.close(ready)
                continue
            message, fds, _, _ = socket.recv_fds(requests, LONGEST_REQUEST, 4)
            if not message:
                for pid, _ in running.values():
                    os.kill(pid, signal.SIGKILL)
                sys.exit()
            *streams, report = fds
            pid = os.fork()
            if pid == 0:
                requests.close()
                for fd in (report, *running, *(report for _, report in running.values())):
                    os.close(fd)
                return json.loads(message), streams
            for fd in streams:
                os.close(fd)
            os.write(report, str(pid).encode())
            running[os.pidfd_open(pid)] = pid, report


def become(request: dict[str, Any], streams: list[int]) -> NoReturn:
    """Run the code of a request as an interpreter of its own would, and end as that would, but for the tidying up."""
    os.setsid()
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
        os.close(fd)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["-c", *request["arguments"]]
    sys.path[0] = request["cwd"]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    code = _exit_code(compile(request["code"], "<string>", "exec"), main)
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if not stream.closed:
            stream.flush()
    os._exit(code)


def _exit_code(code: types.CodeType, main: types.ModuleType) -> int:
    try:
        exec(code, main.__dict__)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.path[0] = str(REPOSITORY)
    preload()
    become(*serve(socket.socket(fileno=int(sys.argv[1]))))
