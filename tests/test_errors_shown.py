"""Errors are shown in words that stay, with details to copy, and none of them ends the app or a run."""

import ast
import asyncio
import contextlib
import re

import pytest
from app_pilot import drive, finished_run, screen_text, tiny_config, until, until_seen
from fork_server import REPOSITORY

from ddpm.checkpoint import newest_whole
from ddpm.errors import RunError
from ddpm.runs_root import create_run
from studio import folder_window, messages, opening
from studio.app import StudioApp
from studio.error_report import report_of
from studio.folder_window import why_no_window
from studio.opening import run_app
from studio.screens.error_panel import ErrorPanel
from studio.screens.runs import RunsScreen
from studio.settings import Settings
from studio.terminal import find_pictures

# What the app is started with, too; and those of commands that are named whole, to be copied into a shell.
STARTED_WITH = {"--home", "--data-root"} | {"--download", "--data", "--upgrade"}


def test_the_library_speaks_of_fields_not_of_options_of_a_command():
    for path in (REPOSITORY / "ddpm").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
                options = set(re.findall(r"--[a-z]+(?:[.-]\w+)*", node.value))
                assert options <= STARTED_WITH, f"{path}:{node.lineno}: {node.value}"


def raised(error):
    try:
        raise error
    except type(error) as caught:
        return caught


def test_a_report_tells_a_mistake_from_a_fault():
    mistake = report_of(raised(RunError("There is no run x. `ddpm-studio runs` lists them.")), "runs")
    assert (mistake.title, mistake.advice) == ("This did not work", "")
    fault = report_of(raised(ZeroDivisionError("division by \x1b[31mzero")), "runs > monitor")
    assert "fault of the program" in fault.advice
    assert "\x1b" not in fault.what
    assert "where: runs > monitor" in fault.details
    assert "test_errors_shown.py" in fault.details


def test_an_error_in_what_a_key_does_is_shown_and_the_app_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(RunsScreen, "action_order", lambda screen: 1 // 0)
    finished_run(tmp_path)

    async def script(pilot, app):
        await until_seen(pilot, "done-1")
        await pilot.press("o")
        await until_seen(pilot, "ZeroDivisionError")
        assert "fault of the program" in screen_text(pilot)
        await pilot.press("d")
        await until_seen(pilot, "Traceback")
        await pilot.press("c")
        assert app.clipboard == app.screen.report.details
        await until_seen(pilot, "sent to the clipboard")
        await pilot.press("escape")
        await pilot.press("enter")
        await until_seen(pilot, "finished")
        await pilot.press("E")
        await until_seen(pilot, "ZeroDivisionError")

    drive(tmp_path, script, (100, 36), toasts=True, faults=True)


def test_an_error_of_a_worker_is_shown_and_what_looks_in_passing_tells_of_it_in_passing(tmp_path):
    async def script(pilot, app):
        await until_seen(pilot, "There are no runs yet")
        app.screen.post_message(messages.QuietTrouble(raised(OSError("the disk is slow"))))
        await until_seen(pilot, "Press E for the details")
        assert not isinstance(app.screen, ErrorPanel)

        async def fails():
            raise OSError("the disk is on fire")

        app.screen.run_worker(fails(), exit_on_error=False)
        await until_seen(pilot, "the disk is on fire")
        assert isinstance(app.screen, ErrorPanel)

    drive(tmp_path, script, toasts=True, faults=True)


def test_an_app_that_an_error_ends_begins_again_and_training_goes_on(tmp_path, monkeypatch):
    run = create_run(tmp_path / "runs", "alpha", tiny_config(train={"steps": 10**6}))
    seen = []
    monkeypatch.setattr(opening, "SOUND_SECONDS", 0.0)

    def run_headless(app):
        async def session():
            async with app.run_test(size=(100, 36)) as pilot:
                if not seen:
                    app.post_message(messages.StartTraining(run))
                    await until(pilot, lambda: run.status().step > 0)
                    seen.append(run.status().step)
                    app.call_later(lambda: 1 // 0)
                    await until(pilot, lambda: app.fault)
                else:
                    await until_seen(pilot, "ZeroDivisionError")
                    assert "the app, which began again" in app.screen.report.details
                    await until(pilot, lambda: run.status().step > seen[0])
                    seen.append(run.status().step)

        with contextlib.suppress(ZeroDivisionError):  # a test is told of it; a person sees the next app
            asyncio.run(session())

    monkeypatch.setattr(StudioApp, "run", run_headless)
    run_app(tmp_path, tmp_path / "data", find_pictures("half"), Settings())
    assert len(seen) == 2
    assert run.status().state == "stopped"
    assert newest_whole(run.checkpoints_path).step >= seen[1]


def test_a_folder_is_opened_or_its_path_copied_and_the_reason_told(tmp_path, monkeypatch):
    run = finished_run(tmp_path)
    monkeypatch.setenv("SSH_TTY", "/dev/pts/1")

    async def script(pilot, app):
        await until_seen(pilot, "done-1")
        await pilot.press("O")
        await until_seen(pilot, "It cannot be shown in a window")
        assert app.clipboard == str(run.path)

    drive(tmp_path, script, (160, 36), toasts=True)


@pytest.mark.parametrize(("code", "told"), [(0, ""), (4, "failed with code 4")])
def test_the_program_that_opens_folders_is_asked_and_believed(tmp_path, monkeypatch, code, told):
    program = tmp_path / folder_window._program()
    program.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/asked\nexit {code}\n')
    program.chmod(0o755)
    for name in ("SSH_TTY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert folder_window.open_folder(tmp_path / "a b").endswith(told)
    assert (tmp_path / "asked").read_text() == f"{tmp_path}/a b\n"


def test_without_a_display_there_is_no_window(monkeypatch):
    monkeypatch.setattr(folder_window.sys, "platform", "linux")
    assert why_no_window({}) == "there is no display"


def test_how_to_leave_is_told_to_who_presses_ctrl_c(tmp_path):
    async def script(pilot, app):
        await until_seen(pilot, "There are no runs yet")
        await pilot.press("ctrl+c")
        await until_seen(pilot, "Press q to leave the app")

    drive(tmp_path, script, toasts=True)


def test_runs_that_cannot_be_read_are_a_panel_with_what_and_where_until_they_can(tmp_path):
    place = tmp_path / "home" / "runs"
    place.parent.mkdir()
    place.write_text("")

    async def script(pilot, app):
        await until_seen(pilot, "The runs cannot be read")
        await until_seen(pilot, "another --home")  # words before it wrap with the length of the path
        for key in ("n", "t"):
            await pilot.press(key)
            await until(pilot, lambda: isinstance(app.screen, ErrorPanel))
            await pilot.press("escape", "escape")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        place.unlink()
        finished_run(place.parent)
        await until_seen(pilot, "done-1")
        place.rename(place.with_name("away"))
        place.write_text("")
        await until_seen(pilot, "The runs cannot be read")
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)

    drive(place.parent, script, (120, 36))
