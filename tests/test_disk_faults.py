"""A disk that fails at any operation costs one checkpoint: the last whole one stays, and the next is written."""

import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

import pytest
from conftest import TINY
from faulty_disk import FAULTS, faulty_disk

from ddpm import checkpoint as checkpoints
from ddpm import recorder as recorders
from ddpm.config import Config
from ddpm.errors import RunError
from ddpm.events import CheckpointDue, CheckpointSaved, StepDone, Warned
from ddpm.recorder import Recorder
from ddpm.runs import Run, this_process
from ddpm.runs_root import create_run
from ddpm.session import ready_trainer, train_run


@pytest.fixture(autouse=True)
def no_heartbeats(monkeypatch):
    """They are written beside what a test counts, whenever a machine is slow."""
    monkeypatch.setattr(recorders, "HEARTBEAT_SECONDS", 1e9)


@pytest.fixture(scope="module")
def due(tmp_path_factory):
    """The first checkpoint of a real trainer, which goes no further."""
    trainer, _ = ready_trainer(Config.build(TINY), tmp_path_factory.mktemp("due"))
    for event in trainer.run():
        if isinstance(event, CheckpointDue):
            return event
    raise AssertionError("no checkpoint was due")


@pytest.fixture(scope="module")
def template(tmp_path_factory, due):
    """A run with one whole checkpoint, of step 5."""
    run = create_run(tmp_path_factory.mktemp("template"), "run", Config.build(TINY))
    checkpoints.save(run.checkpoints_path, 5, due.tensors, due.state)
    return run


def record(run, *events):
    status = this_process(state="running", step=5, steps=12)
    return list(Recorder(run, status, run.config().train).follow(events))


def whole_steps(run):
    assert [checkpoints.verify(c) for c in run.checkpoints()] == [""] * len(run.checkpoints())
    return [checkpoint.step for checkpoint in run.checkpoints()]


def operations_of(template, due, tmp_path):
    run = Run(shutil.copytree(template.path, tmp_path / "counted"))
    with faulty_disk() as disk:
        record(run, replace(due, step=10))
    return disk.operations


def test_a_checkpoint_is_made_of_operations_that_can_fail(template, due, tmp_path):
    operations = operations_of(template, due, tmp_path)
    assert {"mkdir", "open", "write", "fsync", "rename"} <= set(operations)
    assert len(operations) > 20


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_fails_in_a_checkpoint_the_last_whole_one_stays_and_the_next_is_written(
    template, due, tmp_path, fault
):
    operations = operations_of(template, due, tmp_path)
    lost = 0
    for failing, name in enumerate(operations, start=1):
        if fault == "short write" and name != "write":
            continue
        run = Run(shutil.copytree(template.path, tmp_path / f"{failing}"))
        with faulty_disk(fault, failing) as disk:
            events = record(run, replace(due, step=10))
        assert disk.failed == name
        (event,) = events
        if isinstance(event, Warned):
            lost += 1
            assert event.message.startswith("the checkpoint could not be written: ")
            assert event.message in [row["message"] for row in run.events()]
            # The last operation flushes the folder: what it finds has been renamed into place already.
            assert whole_steps(run) in ([5], [5, 10]), name
        else:
            assert whole_steps(run) == [5, 10], (
                f"what {name} failed at was there already, or was not of the checkpoint"
            )
        assert not list(run.checkpoints_path.glob(".*")), "nothing half done is left"
        assert isinstance(record(run, replace(due, step=15))[0], CheckpointSaved)
        assert whole_steps(run)[-1] == 15
    assert lost >= len([name for name in operations if name == "write"]) - 2


def test_a_checkpoint_that_failed_is_tried_again_before_the_next_is_due(tmp_path, monkeypatch):
    config = Config.build({**TINY, "train": {**TINY["train"], "steps": 60, "checkpoint_every": 50}})
    run = create_run(tmp_path / "runs", "one", config)
    monkeypatch.setattr(recorders, "RETRY_SECONDS", (0.0, 0.0))
    real_save, calls = checkpoints.save, []

    def save(*arguments):
        calls.append(arguments[1])
        if len(calls) < 3:
            raise OSError(28, "No space left on device")
        return real_save(*arguments)

    monkeypatch.setattr(checkpoints, "save", save)
    events = list(train_run(run, data_root=tmp_path, take_commands=list))
    first, second, third, last = calls
    assert 50 == first <= second < third < last == 60 or second == first < third
    assert sum(isinstance(event, Warned) for event in events) == 2
    assert whole_steps(run) == [third, 60]
    assert run.status().state == "finished"


def test_the_wait_before_another_try_doubles_and_ends_with_success(template, due, tmp_path, monkeypatch):
    run = Run(shutil.copytree(template.path, tmp_path / "run"))
    recorder = Recorder(run, this_process(state="running", steps=12), run.config().train)
    now = 0.0
    monkeypatch.setattr(recorders.time, "monotonic", lambda: now)
    assert recorder.commands() == []
    for wait in (30, 60, 120):
        with faulty_disk("full", 2):
            list(recorder.follow([replace(due, step=10)]))
        now += wait - 1
        assert recorder.commands() == []
        now += 1
        assert recorder.commands() == ["checkpoint"]
        assert recorder.commands() == [], "asked for once"
    list(recorder.follow([replace(due, step=10)]))
    now += 1e6
    assert recorder.commands() == []


def test_a_full_disk_is_seen_before_a_checkpoint_begins(template, due, tmp_path, monkeypatch):
    run = Run(shutil.copytree(template.path, tmp_path / "run"))
    need = sum(t.numel() * t.element_size() for named in due.tensors.values() for t in named.values())
    for free, fits in ((need + checkpoints.SPARE - 1, False), (need + checkpoints.SPARE, True)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        with faulty_disk() as disk:
            (event,) = record(run, replace(due, step=10))
        if fits:
            assert isinstance(event, CheckpointSaved)
        else:
            assert "the disk is full: it needs" in event.message
            assert "fsync" not in disk.operations
    assert whole_steps(run) == [5, 10]


def test_a_run_trains_through_any_one_fault_or_says_why_not(tmp_path):
    """Every ninth operation of a whole training, from its first word to its last checkpoint."""
    config = Config.build(TINY)
    quiet = create_run(tmp_path / "runs", "quiet", config)
    with faulty_disk() as disk:
        for _ in train_run(quiet, data_root=tmp_path, take_commands=list):
            pass
    weights = (quiet.checkpoints()[-1].path / "model.safetensors").read_bytes()
    ended: Counter[str] = Counter()
    for failing in range(2, len(disk.operations) + 1, 9):
        run = create_run(tmp_path / "runs", f"fails-{failing}", config)
        with faulty_disk("broken", failing), suppress(RunError):
            list(train_run(run, data_root=tmp_path, take_commands=list))
        state = run.status().state
        ended[state] += 1
        whole_steps(run)
        if state == "failed":
            assert "Input/output error" in run.status().message
        if state == "finished":
            newest = checkpoints.newest_whole(run.checkpoints_path)
            assert newest.step == 12
            assert (newest.path / "model.safetensors").read_bytes() == weights
    assert ended["finished"] >= 10, ended
    assert ended.keys() == {"finished", "failed"}, ended


def test_a_run_directory_that_is_removed_ends_the_run_with_one_sentence(tmp_path, monkeypatch):
    run = create_run(
        tmp_path / "runs", "one", Config.build({**TINY, "train": {"steps": 100_000, "device": "cpu"}})
    )
    monkeypatch.setattr(recorders, "HEARTBEAT_SECONDS", 0.0)
    events = train_run(run, data_root=tmp_path, take_commands=list)
    for event in events:
        if isinstance(event, StepDone) and event.step == 3:
            break
    shutil.rmtree(run.path)
    with pytest.raises(RunError, match=r"runs/one was removed or renamed.*stopped after step [34]\."):
        list(events)
    assert not run.path.exists(), "nothing of it is made again"


def test_another_run_of_the_same_name_is_not_written_to(tmp_path, monkeypatch):
    config = Config.build(TINY)
    run = create_run(tmp_path / "runs", "one", config)
    events = train_run(run, data_root=tmp_path, take_commands=list)
    monkeypatch.setattr(recorders, "HEARTBEAT_SECONDS", 0.0)
    next(event for event in events if isinstance(event, StepDone))
    run.path.rename(tmp_path / "runs" / "two")
    other = create_run(tmp_path / "runs", "one", config)
    with pytest.raises(RunError, match="removed or renamed"):
        list(events)
    assert other.status().message == "not started"
    assert other.metrics() == other.events() == []
