"""An app that only stands there does nothing; and odd files, names and folders are borne."""

import threading
import time

import pytest
from app_pilot import (
    drive,
    finished_run,
    screen_text,
    tiny_config,
    until,
    until_seen,
    write_checkpoint,
    write_preview,
)
from textual._compositor import Compositor
from textual.widget import Widget
from textual.widgets import Input

from ddpm.config import DataConfig
from ddpm.runs import Status
from ddpm.runs_root import create_run
from studio.data_look import DataLook, TooLarge
from studio.feed import RunFeed
from studio.panel_memory import PanelLayout, remember
from studio.picture_budget import PictureBudget
from studio.run_summaries import RunSummaries
from studio.screens import runs
from studio.screens.checkpoints import CheckpointsScreen
from studio.screens.new_run import NewRunScreen
from studio.screens.runs import RunsScreen
from studio.screens.sample import SampleScreen
from studio.widgets import newest_samples
from studio.widgets.preview import SamplePane


@pytest.fixture
def calls(monkeypatch):
    """How often the run was polled, the list was read, and a widget was to be drawn again."""
    monkeypatch.setattr("studio.app.WATCH_SECONDS", 600.0)  # the app itself reads the list, too
    counted = {"polls": 0, "reads": 0, "refreshes": 0}

    def count(owner, method, name):
        original = getattr(owner, method)

        def counting(*arguments, **named):
            counted[name] += 1
            return original(*arguments, **named)

        monkeypatch.setattr(owner, method, counting)

    count(RunFeed, "poll", "polls")
    count(RunSummaries, "read", "reads")
    count(Widget, "refresh", "refreshes")
    return counted


def old_run(home, name="alpha"):
    """A finished run whose age is told in hours, so that it does not change while one looks."""
    run = finished_run(home, name)
    run.write_status(Status(state="finished", step=40, steps=40, heartbeat=time.time() - 3 * 3600 - 600))
    return run


@pytest.mark.parametrize(("keys", "polled", "times"), [([], "reads", 2), (["enter"], "polls", 8)])
@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
def test_what_does_not_change_is_not_drawn_again(
    home, calls, keys, polled, times, size, tmp_path, monkeypatch
):
    old_run(home)
    # The figures of the machine do change.
    monkeypatch.setenv("DDPM_STUDIO_STATE", str(tmp_path))
    remember(PanelLayout(hidden=("system",)))

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press(*keys)
        await until_seen(pilot, "✓ finished")
        if pilot.app.screen.query_one(SamplePane).display:
            await until(pilot, lambda: app.screen.query_one(SamplePane).arrangement is not None)

        async def polls(more):
            goal = calls[polled] + more
            await until(pilot, lambda: calls[polled] >= goal)

        # A plot may draw for the last time half a second after its last point.
        await polls(max(2, times // 2))
        before = calls["refreshes"]
        await polls(times)
        assert calls["refreshes"] == before

    drive(home, script, size)


def test_a_covered_screen_rests_and_one_behind_a_dialog_does_not(home, calls):
    finished_run(home, "alpha")

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("enter")
        await until(pilot, lambda: calls["polls"] > 2)
        list_reads = calls["reads"]
        await pilot.press("question_mark")
        await until_seen(pilot, "Keys: monitor")
        polls = calls["polls"]
        await until(pilot, lambda: calls["polls"] > polls + 8)
        assert calls["reads"] == list_reads
        await pilot.press("escape", "c")
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen))
        monitor = app.screen_stack[-2]
        assert app.screen.is_foremost
        assert not monitor.is_foremost

    drive(home, script)


def test_a_run_with_odd_files_does_not_hide_the_others(home):
    odd = finished_run(home, "odd")
    odd.metrics_path.write_text('{"step": 1, "loss": 1%s}\n' % ("0" * 400))
    (odd.path / "config.toml").write_bytes(b"\xff")
    finished_run(home, "sound")

    async def script(pilot, app):
        await until_seen(pilot, "sound")
        text = screen_text(pilot)
        assert "odd" in text
        assert "damaged" in text

    drive(home, script)


def test_a_look_that_fails_is_told_and_tried_again(home, monkeypatch):
    finished_run(home, "alpha")
    read = RunSummaries.read
    failures = iter([OSError("the disk is on fire")])

    def failing(*arguments):
        for failure in failures:
            raise failure
        return read(*arguments)

    monkeypatch.setattr(RunSummaries, "read", failing)

    async def script(pilot, app):
        await until_seen(pilot, "the disk is on fire")
        await until_seen(pilot, "alpha")

    drive(home, script, (160, 48), toasts=True)


def test_brackets_in_paths_and_names_are_no_markup(tmp_path):
    home = tmp_path / "b[/x]"
    run = finished_run(home, "alpha")
    run.path.rename(run.path.with_name("odd[y]"))
    (home / "runs" / "odd[y]" / "previews" / "00000040.png").write_bytes(b"rubbish")

    async def script(pilot, app):
        await until(pilot, lambda: "cannot be shown" in str(app.screen.query_one("#pane-words").content))
        await until(pilot, lambda: app.screen.query_one(SamplePane)._border_title.plain == "odd[y] · step 40")
        await pilot.press("enter")
        await until_seen(pilot, "l linear")
        await until_seen(pilot, "cannot be shown")

    drive(home, script, (160, 48))


def test_samples_are_never_shown_under_the_name_of_another_run(home, monkeypatch, calls):
    finished_run(home, "alpha")
    time_of_beta = Status(state="finished", step=40, steps=40, heartbeat=time.time() - 60)
    beta = finished_run(home, "beta")
    beta.write_status(time_of_beta)
    write_preview(beta, 50, n=2)
    images_of, may_go_on, read_alpha = newest_samples._images_of, threading.Event(), threading.Event()

    def slowly(preview):
        images = images_of(preview)
        if preview.step == 40:
            read_alpha.set()
            assert may_go_on.wait(30)
        return images

    monkeypatch.setattr(newest_samples, "_images_of", slowly)
    # The list waits for its own reading, not for that of samples.
    monkeypatch.setattr(runs, "SHARE_OF_LOOKING", 1e6)

    async def script(pilot, app):
        await until(pilot, read_alpha.is_set)
        pane = app.screen.query_one(SamplePane)
        try:
            await pilot.press("down")
            await until(pilot, lambda: pane.border_title == "beta · step 50")
        finally:
            may_go_on.set()
        reads = calls["reads"]
        await until(pilot, lambda: calls["reads"] > reads)
        assert pane.border_title == "beta · step 50"
        assert pane.arrangement.shown == 2

    drive(home, script, (160, 48))


def test_titles_of_long_names_still_say_where_one_is(home):
    name = "a-very-long-name-that-goes-on-and-on-" * 2
    finished_run(home, name)

    async def script(pilot, app):
        await until_seen(pilot, "a-very")
        for key, place in (("c", "› Checkpoints"), ("s", "› Sample"), ("enter", "· digits")):
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))
            await pilot.press(key)
            await until(pilot, lambda words=place: words in screen_text(pilot).splitlines()[0])
            await pilot.press("escape")

    drive(home, script)


def test_the_smallest_size_shows_all_of_the_monitor(home):
    finished_run(home, "alpha")

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("enter")
        await until_seen(pilot, "samples · step 40")
        text = screen_text(pilot)
        assert "too small" not in text
        for words in ("✓ finished", "40/40", "images/s", "memory", "loss", "log", "Quit"):
            assert words in text

    drive(home, script, (80, 20))


def test_a_run_in_training_is_not_resumed_from_its_checkpoints(home):
    run = finished_run(home, "alpha")

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("c")
        await until_seen(pilot, "2 whole of 2")
        await until(pilot, lambda: "Branch" in screen_text(pilot).splitlines()[-1])
        assert "Resume" not in screen_text(pilot).splitlines()[-1]
        await pilot.press("enter")
        await until_seen(pilot, "by another process")
        await pilot.press("escape")
        assert isinstance(app.screen, CheckpointsScreen)

    with run.locked():
        drive(home, script, (160, 48), toasts=True)


def test_the_sample_screen_offers_new_checkpoints_and_keeps_the_choice(home):
    run = finished_run(home, "alpha")

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, SampleScreen))
        picked = app.screen.query_one("#checkpoint")
        assert picked.text == "step 40"
        picked.control.value = "step 20"
        write_checkpoint(run, 60)
        await until(pilot, lambda: "step 60" in picked.control.choices)
        assert picked.text == "step 20"

    drive(home, script)


def test_the_sample_screen_never_proposes_more_steps_than_the_run_has(home):
    run = create_run(home / "runs", "alpha", tiny_config(diffusion={"T": 20}))
    write_checkpoint(run, 1)

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, SampleScreen))
        assert app.screen.query_one("#steps").query_one(Input).value == "20"

    drive(home, script)


def test_a_folder_of_too_many_files_is_given_up_politely(tmp_path):
    for at in range(3):
        (tmp_path / f"{at}.png").touch()
    look = DataLook(tmp_path, most_files=2)
    look.ask(DataConfig(source=str(tmp_path)))
    deadline = time.monotonic() + 30
    while (found := look.take()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert isinstance(found, TooLarge)
    assert "more than 2 files" in found.words


def test_the_form_bears_the_root_of_all_files(home):
    async def script(pilot, app):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        app.screen.query_one("#source").control.value = "path or hf:owner/name …"
        app.screen.query_one("#folder").query_one(Input).value = "/"
        await until_seen(pilot, "counted when training starts")

    drive(home, script, (160, 48))


class Book(PictureBudget):
    """Writes down what it is asked for."""

    def __init__(self) -> None:
        super().__init__(rate=1e12)
        self.sent: list[int] = []
        self.sent_again = 0

    def spend(self, n_bytes: int) -> None:
        self.sent.append(n_bytes)
        super().spend(n_bytes)

    def spend_again(self, n_bytes: int) -> None:
        self.sent_again += n_bytes
        super().spend_again(n_bytes)


@pytest.mark.parametrize("key", ["enter", "c"])
def test_a_screen_that_opens_sends_its_picture_once(home, key):
    old_run(home)

    async def script(pilot, app):
        await until(pilot, lambda: app.screen.chosen_run is not None)
        await until(pilot, lambda: app.screen.query_one(SamplePane).arrangement)
        await pilot.pause(0.3)
        runs, book = app.screen, Book()
        app.workshop.pictures.budget = book
        await pilot.press(key)
        await until(pilot, lambda: app.screen is not runs and app.screen.query(SamplePane))
        await until(pilot, lambda: app.screen.query_one(SamplePane).arrangement)
        await pilot.pause(0.3)
        assert len(book.sent) == 1
        assert book.sent_again < book.sent[0] / 2

    drive(home, script, (160, 48))


def test_a_screen_that_another_one_covered_is_drawn_once_when_that_goes(home, monkeypatch):
    old_run(home)
    painted, paint = [], Compositor.render_full_update
    monkeypatch.setattr(
        Compositor, "render_full_update", lambda *words, **named: painted.append(1) or paint(*words, **named)
    )

    async def script(pilot, app):
        await until(pilot, lambda: app.screen.chosen_run is not None)
        for key in ("enter", "question_mark"):
            runs = app.screen
            await pilot.press(key)
            await until(pilot, lambda runs=runs: app.screen is not runs)
            await pilot.pause(0.3)
            painted.clear()
            await pilot.press("escape")
            await until(pilot, lambda runs=runs: app.screen is runs and painted)
            await pilot.pause(0.3)
            assert len(painted) == 1

    drive(home, script)
