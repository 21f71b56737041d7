"""Checkpoints and previews are written while training goes on, of what was when they were due."""

import threading

import pytest
import torch
from conftest import TINY
from safetensors.torch import save as by_the_library

from ddpm import checkpoint as checkpoints
from ddpm import tensor_copies
from ddpm.background_writer import MOST_PREVIEWS, BackgroundWriter
from ddpm.config import Config
from ddpm.device import DeviceMemory
from ddpm.events import (
    CheckpointDue,
    CheckpointSaved,
    PreviewDrawn,
    RollbackDue,
    SnapshotDue,
    StateChanged,
    StepDone,
)
from ddpm.runs_root import create_run
from ddpm.session import train_run
from ddpm.tensor_copies import TensorCopies
from ddpm.tensor_files import file_parts

TENSORS = {"model": {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(2)}, "ema": {"a": torch.ones(5)}}


@pytest.fixture
def may_write(monkeypatch):
    """An event that the disk waits for with every checkpoint and snapshot."""
    is_set, save = threading.Event(), checkpoints.save

    def wait_and_save(*arguments):
        assert is_set.wait(60)
        return save(*arguments)

    monkeypatch.setattr(checkpoints, "save", wait_and_save)
    yield is_set
    is_set.set()


def new_run(tmp_path, name):
    return create_run(tmp_path / "runs", name, Config.build(TINY))


def whole_steps(run):
    assert not [problem for checkpoint in run.checkpoints() if (problem := checkpoints.verify(checkpoint))]
    return [checkpoint.step for checkpoint in run.checkpoints()]


def contents(run, step):
    folder = run.checkpoints_path / checkpoints.step_name(step)
    return {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}


def test_training_goes_on_while_a_checkpoint_is_written_of_what_was_when_it_was_due(tmp_path, may_write):
    slow, quick = new_run(tmp_path, "slow"), new_run(tmp_path, "quick")
    saved = []
    for event in train_run(slow, data_root=tmp_path, take_commands=list):
        if isinstance(event, StepDone) and event.step == 8:
            assert whole_steps(slow) == saved == []
            assert not [row for row in slow.events() if row["kind"] == "checkpoint"], (
                "told when it is on disk"
            )
            may_write.set()
        if isinstance(event, CheckpointSaved):
            assert event.step in whole_steps(slow)
            saved.append(event.step)
    assert saved == whole_steps(slow) == [5, 10, 12]
    for _ in train_run(quick, data_root=tmp_path, take_commands=list):
        pass
    assert contents(slow, 5) == contents(quick, 5)


def test_whatever_ends_a_run_what_is_being_written_is_on_disk_before_its_last_word(tmp_path, may_write):
    run = new_run(tmp_path, "one")
    events = train_run(run, data_root=tmp_path, take_commands=list)
    next(event for event in events if isinstance(event, StepDone) and event.step == 7)
    threading.Timer(0.05, may_write.set).start()
    events.close()
    assert whole_steps(run) == [5]
    assert [row["kind"] for row in run.events()][-3:] == ["checkpoint", "preview", "stopped"]
    assert not run.is_training()


def test_where_memory_is_too_short_for_a_copy_training_waits(tmp_path, monkeypatch):
    monkeypatch.setattr(tensor_copies, "device_memory", lambda device: DeviceMemory(1000, 1000))
    run = new_run(tmp_path, "one")
    events = list(train_run(run, data_root=tmp_path, take_commands=list))
    before = [events[at - 1] for at, event in enumerate(events) if isinstance(event, CheckpointSaved)]
    assert [event.step for event in before] == [5, 10, 12]
    assert whole_steps(run) == [5, 10, 12]


def due(step, reason="interval"):
    return CheckpointDue(step, TENSORS, {}, reason)


def test_one_checkpoint_at_a_time_is_written_and_the_same_one_not_twice(tmp_path, may_write):
    writer = BackgroundWriter(new_run(tmp_path, "one"), Config.build(TINY).train)
    writer.save_checkpoint(due(5))
    assert writer.is_in_the_way_of(due(6))
    assert writer.is_in_the_way_of(due(5, "end")), "the last one has to be sure"
    assert not writer.is_in_the_way_of(due(5, "asked"))
    assert not writer.is_in_the_way_of(SnapshotDue(6, TENSORS, {}))
    writer.save_checkpoint(due(5, "asked"))
    may_write.set()
    writer.close()
    assert [outcome.result().step for _, outcome in writer.ended()] == [5]
    assert not writer.is_in_the_way_of(due(6))


def test_a_run_ends_and_goes_back_when_all_is_written_and_previews_wait_in_a_short_line(tmp_path, may_write):
    writer = BackgroundWriter(new_run(tmp_path, "one"), Config.build(TINY).train)
    drawn = PreviewDrawn(3, torch.zeros(4, 1, 8, 8, dtype=torch.uint8), {"weights": "ema", "columns": 2})
    ends = [StateChanged("finished", 9), RollbackDue(9, 7, "")]
    assert not any(writer.is_in_the_way_of(event) for event in ends)
    writer.save_snapshot(SnapshotDue(3, TENSORS, {}))
    for _ in range(MOST_PREVIEWS):
        assert not writer.is_in_the_way_of(drawn)
        writer.write_preview(drawn)
    assert writer.is_in_the_way_of(drawn)
    assert all(writer.is_in_the_way_of(event) for event in ends)
    assert not writer.is_in_the_way_of(StateChanged("paused", 9))
    may_write.set()
    writer.close()
    assert len(list(writer.ended())) == MOST_PREVIEWS + 1


def test_copies_stay_as_they_were_in_the_memory_of_the_last_ones():
    tensors = {stem: {name: t.clone() for name, t in named.items()} for stem, named in TENSORS.items()}
    copies = TensorCopies()
    first = copies.take(tensors)
    for named in tensors.values():
        for tensor in named.values():
            tensor.zero_()
    for stem, named in TENSORS.items():
        for name, tensor in named.items():
            assert first[stem][name].dtype == tensor.dtype
            assert torch.equal(first[stem][name], tensor)
    places = [t.data_ptr() for named in first.values() for t in named.values()]
    second = copies.take(tensors)
    assert [t.data_ptr() for named in second.values() for t in named.values()] == places
    assert not any(t.any() for named in second.values() for t in named.values())


def test_a_file_of_tensors_is_the_one_that_the_library_writes():
    types = (torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.int32)
    more = (torch.int16, torch.int8, torch.uint8, torch.bool)
    named = {str(kind): torch.tensor([1, 0, 1]).to(kind) for kind in types + more}
    named |= {'größe "1"': torch.empty(0, 3), "one": torch.tensor(2.0), "turned": torch.rand(3, 4).T}
    ours = b"".join(bytes(part) for part in file_parts(named))
    assert ours == by_the_library({name: tensor.contiguous() for name, tensor in named.items()})
    assert b"".join(bytes(part) for part in file_parts({})) == by_the_library({})
