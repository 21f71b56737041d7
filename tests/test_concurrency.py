"""Runs that several threads and processes watch, draw from, train, prune, rename and delete at the same time."""

import os
import sys
import threading
import time

import pytest
import torch
from app_pilot import drive, finished_run, screen_text, tiny_config, until, until_seen
from textual.widgets import Input

from ddpm import checkpoint as checkpoints
from ddpm import retention, run_lock
from ddpm.errors import CheckpointGoneError, NoSuchCheckpointError, RunError
from ddpm.generate import draw, load_network, load_newest_network
from ddpm.runs_root import create_run
from ddpm.sample_config import SampleConfig
from ddpm.session import train_run
from studio.cli import main
from studio.screens.sample import SampleScreen
from studio.thread_priority import let_the_screen_go_first


@pytest.fixture
def keep_one(tmp_path):
    """A run that a thread trains, with a checkpoint after each step, of which only the newest stays."""
    config = tiny_config(
        train={"steps": 100_000, "checkpoint_every": 1, "keep_checkpoints": 1}, previews={"every": 0}
    )
    run = create_run(tmp_path / "runs", "one", config)
    leave, wrong = threading.Event(), []

    def take_commands():
        return [*run.take_commands(), *["stop"] * leave.is_set()]

    def train():
        try:
            for _ in train_run(run, data_root=tmp_path, take_commands=take_commands):
                pass
        except BaseException as error:
            wrong.append(error)

    thread = threading.Thread(target=train)
    thread.start()
    while not run.checkpoints():
        assert thread.is_alive(), wrong
        time.sleep(0.01)
    yield run
    leave.set()
    thread.join()
    assert wrong == []


def test_drawing_from_a_run_in_training_takes_one_whole_checkpoint_though_each_lives_a_moment(keep_one):
    steps = []
    while len(set(steps)) < 5:
        network = load_newest_network(keep_one, device="cpu")
        *_, last = draw(network, SampleConfig(n=1, steps=2))
        assert last.x_t.shape == (1, 1, 8, 8)
        steps.append(network.step)
    assert steps == sorted(steps)


def test_a_chosen_checkpoint_that_is_pruned_meanwhile_is_told_and_not_called_damaged(keep_one):
    chosen = checkpoints.newest_whole(keep_one.checkpoints_path)
    while chosen.path.exists():
        time.sleep(0.01)
    for weights in ("ema", "ema-0.9"):
        with pytest.raises(CheckpointGoneError, match=r"is no longer there.*choose one of those"):
            load_network(keep_one, chosen, weights, "cpu")
    with pytest.raises(NoSuchCheckpointError, match=f"no checkpoint of step {chosen.step}"):
        checkpoints.find_checkpoint(keep_one.checkpoints_path, chosen.step)


def test_a_trained_run_is_neither_deleted_nor_renamed(keep_one, capsys):
    home = str(keep_one.path.parent.parent)
    assert main(["--home", home, "delete", "one", "--yes"]) == 1
    assert "is being trained already, by process" in capsys.readouterr().err
    assert main(["--home", home, "rename", "one", "two"]) == 1
    assert "Stop it there before renaming it." in capsys.readouterr().err
    assert keep_one.is_training()


def test_there_is_always_a_newest_whole_one_and_what_is_read_is_of_one_checkpoint(tmp_path):
    """Of two writers' worth of churn: one checkpoint is replaced again and again, beside ones that come and go."""
    over = threading.Event()

    def save(step, value):
        tensors = {stem: {"a": torch.full((1000,), float(value))} for stem in ("model", "ema")}
        checkpoints.save(tmp_path, step, tensors, {"value": value})

    def churn():
        for value in range(1, 10**6):
            save(2 * value, value)
            checkpoints.set_aside_after(tmp_path, 0)
            save(2, value)
            retention.prune(tmp_path, 1)
            if over.is_set():
                return

    save(2, 0)
    thread = threading.Thread(target=churn)
    thread.start()
    read = 0
    try:
        while read < 1000:
            for newest in checkpoints.list_checkpoints(tmp_path):
                assert newest.whole, newest.problem
                try:
                    tensors, state = checkpoints.load(newest, "model", "ema")
                except CheckpointGoneError:
                    continue
                read += 1
                assert {float(t.mean()) for named in tensors.values() for t in named.values()} == {
                    state["value"]
                }
    finally:
        over.set()
        thread.join()


def test_who_waits_for_the_lock_of_a_run_that_is_deleted_trains_nothing(tmp_path):
    for attempt in range(3):
        run = create_run(tmp_path / "runs", f"run-{attempt}", tiny_config())
        refusals = []

        def train(run=run, refusals=refusals):
            try:
                with run.locked():
                    pass
            except RunError as error:
                refusals.append(str(error))

        with run_lock.held(run.lock_path):
            thread = threading.Thread(target=train)
            thread.start()
            time.sleep(0.02)
            run.path.rename(tmp_path / f"gone-{attempt}")
        thread.join()
        assert len(refusals) == 1
        assert not run.is_there()
        assert "was deleted or renamed" in refusals[0]


def test_deleting_asks_for_consent(tmp_path, capsys):
    home = str(tmp_path)
    run = finished_run(tmp_path, "one")
    assert main(["--home", home, "delete", "one"]) == 2
    assert "say --yes" in capsys.readouterr().err
    assert main(["--home", home, "rename", "one", "two"]) == 0
    assert capsys.readouterr().out == "one is two now.\n"
    assert main(["--home", home, "delete", "one", "--yes"]) == 2
    assert "There are: two." in capsys.readouterr().err
    assert main(["--home", home, "delete", "two", "--yes"]) == 0
    assert list(run.path.parent.iterdir()) == []


def test_samples_of_a_run_that_is_gone_make_no_folder_of_its_name(keep_one, home):
    async def script(pilot, app):
        await until_seen(pilot, "one")
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, SampleScreen))
        for id, value in {"steps": "2", "n": "1"}.items():
            app.screen.query_one(f"#{id}").query_one(Input).value = value
        await pilot.press("ctrl+s")
        await until_seen(pilot, "Press w to save")
        keep_one.send("stop")
        await until(pilot, lambda: not keep_one.is_training())
        keep_one.delete()
        await pilot.press("w")
        await until_seen(pilot, "was deleted")
        assert not keep_one.path.exists()

    drive(keep_one.path.parent.parent, script, (160, 48), toasts=True)


def test_a_monitor_of_a_run_that_is_renamed_says_so_and_lives_on(home):
    run = finished_run(home, "alpha")

    async def script(pilot, app):
        await until_seen(pilot, "alpha")
        await pilot.press("enter")
        await until_seen(pilot, "✓ finished")
        run.rename("beta")
        await until_seen(pilot, "○ This run was deleted or renamed.")
        assert "40/40" in screen_text(pilot)
        await until(pilot, lambda: "Sample" not in screen_text(pilot).splitlines()[-1])
        finished_run(home, "alpha", steps=20, kept=(20,))
        await until_seen(pilot, "20/20")
        assert app.screen.view.loss.x[-1] == 20
        await pilot.press("escape")
        await until_seen(pilot, "beta")

    drive(home, script)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows priorities of single threads")
def test_a_thread_that_trains_goes_behind_the_one_that_draws():
    seen = []

    def train() -> None:
        let_the_screen_go_first()
        threads = [threading.Thread(target=note) for _ in range(2)]  # torch's own are started like this
        for thread in threads:
            thread.start()
            thread.join()

    def note() -> None:
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    trainer = threading.Thread(target=train)
    trainer.start()
    trainer.join()
    assert seen == [min(19, before + 5)] * 2
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
