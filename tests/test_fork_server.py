"""What the server of the tests forks is what an interpreter of its own would be."""

import subprocess
import sys

import pytest
from conftest import environment
from fork_server import SERVED, run_code


def outcome(done):
    """The exit code, the output and the last line of the errors."""
    return done.returncode, done.stdout, done.stderr.splitlines()[-1:]


@pytest.mark.skipif(not SERVED, reason="forks on Linux only")
@pytest.mark.parametrize(
    "code",
    [
        "import os; print({name: word for name, word in os.environ.items() if not name.startswith('LC_')})",
        "import sys; sys.exit(3)",
        "import sys; sys.exit()",
        "import sys; sys.exit('no')",
        "raise ValueError('no')",
        "import os; os.kill(os.getpid(), 15)",
        "import sys, os; print(sys.argv, os.getcwd(), __name__, sys.stdin.encoding, sys.stdin.read())",
        "import atexit, sys; atexit.register(print, 'end'); sys.stdout.write('no line end ')",
        "import threading; threading.Timer(0.05, print, ['late']).start()",
        "import signal; print([signal.getsignal(number) for number in (2, 13, 15, 17)])",
        "import sys; print([stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)])",
    ],
)
def test_it_ends_and_says_what_a_fresh_interpreter_does(code, tmp_path):
    there = {"cwd": tmp_path, "env": environment(tmp_path)}
    command = [sys.executable, "-c", code, "a b"]
    fresh = subprocess.run(command, **there, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert outcome(run_code(code, "a b", **there)) == outcome(fresh)
