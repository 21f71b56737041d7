"""How many bytes live previews send to the terminal: the budget is 64 kB a second.

    python benchmarks/picture_bytes.py [--seconds 60]

For each protocol: the monitor of a run in a pseudo-terminal that says it has it, while a preview of sixty-four 32x32
samples of noise, which nothing compresses, is written four times a second. What the terminal was sent in all is
beside what of it was pictures, which the budget is about.
"""

import argparse
import fcntl
import json
import os
import pty
import re
import select
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from ddpm.config import Config
from ddpm.runs import Run
from ddpm.runs_root import create_run

RATE = 64_000
ANSWERS = {
    "kitty": b"\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1b[?62;c",
    "sixel": b"\x1b[6;20;10t\x1b[?62;4;22c",
    "half": b"\x1bP1$r48:2::1:2:3m\x1b\\\x1b[?62;c",
}
PICTURES = re.compile(
    rb"\x1b_G[^\x1b]*\x1b\\|(?:\xf4\x8e\xbb\xae(?:[\xcc-\xdf].)+)+|\x1bP0;1;0q[^\x1b]*\x1b\\"
    + "|(?:\x1b\\[[0-9;]*m)?▀+\x1b\\[0m".encode()
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--seconds",
        type=float,
        default=60,
        help="of each protocol (default 60, what the budget is about: a shorter time has the first burst in it)",
    )
    seconds = parser.parse_args().seconds
    print(f"{'kB/s, ' + format(seconds, 'g') + ' s':12} {'pictures':>9} {'in all':>9}")
    met = True
    for protocol, answer in ANSWERS.items():
        with tempfile.TemporaryDirectory() as home:
            written = watch(Path(home), answer, seconds)
        pictures = sum(len(found) for found in PICTURES.findall(written)) / seconds
        met = met and pictures <= RATE
        print(f"{protocol:12} {pictures / 1e3:9.1f} {len(written) / seconds / 1e3:9.1f}")
    print(f"\ngoal: pictures at most {RATE / 1e3:g} kB/s: {'met' if met else 'missed'}")
    return 0 if met else 1


def watch(home: Path, answer: bytes, seconds: float) -> bytes:
    """What the terminal is sent in so many seconds, from the first preview."""
    run = create_run(home / "runs", "alpha", Config.build({"data": {"source": "digits"}}))
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(
            sys.executable, [sys.executable, "-m", "studio.cli", "--home", str(home), "--images", "auto"]
        )
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 2000, 1000))
    try:
        seen = read_until(terminal, lambda seen: b"\x1b[c" in seen)
        os.write(terminal, answer)
        read_until(terminal, lambda seen: b"alpha" in seen, seen)
        os.write(terminal, b"\r")
        read_until(terminal, lambda seen: b"samples" in seen)
        return preview_for(run, terminal, seconds)
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)


def preview_for(run: Run, terminal: int, seconds: float) -> bytes:
    draw = np.random.default_rng(0)
    written, step, ends = b"", 0, time.monotonic() + seconds
    while time.monotonic() < ends:
        step += 1
        Image.fromarray(draw.integers(0, 256, (256, 256, 3), np.uint8)).save(
            run.previews_path / f"{step:08d}.png"
        )
        recipe = {"step": step, "n": 64, "columns": 8, "height": 32, "width": 32, "channels": 3}
        (run.previews_path / f"{step:08d}.json").write_text(json.dumps(recipe))
        comes = min(ends, time.monotonic() + 0.25)
        written = read_until(terminal, lambda _, comes=comes: time.monotonic() >= comes, written)
    return written


def read_until(terminal: int, condition: Callable[[bytes], bool], seen: bytes = b"") -> bytes:
    deadline = time.monotonic() + 60
    while not condition(seen):
        if time.monotonic() > deadline:
            raise SystemExit("the app did not come to what is to be measured")
        if select.select([terminal], [], [], 0.02)[0]:
            seen += os.read(terminal, 65536)
    return seen


if __name__ == "__main__":
    sys.exit(main())
