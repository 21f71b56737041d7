"""The whole way in a real terminal, as a person sees it: from a new run to its samples; and inside tmux."""

import shutil
import subprocess
import sys

import pytest
from app_pilot import finished_run, tiny_config
from conftest import environment
from pseudo_terminal import PseudoTerminal, StudioTerminal
from screen_terminal import Screen, until_on_screen

from ddpm.checkpoint import newest_whole
from ddpm.runs import Run
from ddpm.runs_root import create_run

SIZE = (100, 30)
TMUX = shutil.which("tmux")


def test_from_a_new_run_to_its_samples(home):
    endless = {"train": {"steps": 1_000_000, "checkpoint_every": 1_000_000}, "previews": {"every": 0}}
    create_run(home / "runs", "alpha", tiny_config(**endless))
    terminal, screen = StudioTerminal(home, "--images", "half"), Screen(*SIZE)

    def see(words):
        until_on_screen(terminal, screen, words)

    def press(keys, words):
        terminal.press(keys)
        see(words)

    def stop():
        press("S", "Stop training")
        press("\r", "■ stopped")
        terminal.until(lambda: not run.is_training(), what="the end of training")

    try:
        see("alpha")
        press("N", "New run")
        press("\x13", "● running")  # ctrl+s
        run = next(run for run in (Run(path) for path in (home / "runs").iterdir()) if run.name != "alpha")
        press("p", "‖ paused")
        press("p", "● running")
        press("v", "samples · step")
        see("▀▀▀")
        stop()
        first = newest_whole(run.checkpoints_path).step
        assert first == run.status().step > 0
        press("c", "1 whole of 1")
        press("r", "● running")
        terminal.until(lambda: run.status().step > first, what="a step after the checkpoint")
        stop()
        assert newest_whole(run.checkpoints_path).step == run.status().step > first
        press("s", "press ctrl+s to draw")
        press("\x13", "Done.")
        see("▀▀▀")
        press("w", "Saved")
        terminal.press("\x11")  # ctrl+q
        assert terminal.wait() == 0
    finally:
        terminal.close()
    assert list((run.path / "samples").glob("*/*.png"))


@pytest.mark.skipif(TMUX is None, reason="tmux is not installed")
def test_in_tmux_pictures_are_half_cells_in_the_colors_of_the_terminal_around_it(home, tmp_path):
    finished_run(home, "alpha")
    server = [TMUX, "-S", str(tmp_path / "tmux"), "-f", "/dev/null"]
    studio = [sys.executable, "-m", "studio.cli", "--home", str(home)]
    own = {**environment(tmp_path), "LC_ALL": "C.UTF-8"}
    terminal = PseudoTerminal(*server, "-u", "new-session", *studio, env=own)
    screen = Screen(*SIZE)
    try:
        until_on_screen(terminal, screen, "alpha")
        terminal.press("\r")
        until_on_screen(terminal, screen, "samples · step 40")
        until_on_screen(terminal, screen, "▀▀▀")
        assert b"48;5;" in terminal.written, (
            "tmux finds the nearest of the 256 colors of the terminal around it"
        )
        assert b"48;2;" not in terminal.written
        assert not any(sign in screen.after(terminal.written) for sign in ("Gi=31", "$q", "AAAA"))
        terminal.press("q")
        assert terminal.wait() == 0
    finally:
        subprocess.run([*server, "kill-server"], capture_output=True)
        terminal.close()
