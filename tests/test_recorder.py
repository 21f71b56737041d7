"""What a failing disk costs: records, said so, and never the training; only the last checkpoint is an error."""

import pytest
from conftest import TINY
from PIL import Image

from ddpm import background_writer, recorder, retention
from ddpm import checkpoint as checkpoints
from ddpm.config import Config
from ddpm.errors import MemoryFullError, RunError
from ddpm.events import (
    CheckpointSaved,
    MetricsLogged,
    PreviewDrawn,
    PreviewProgress,
    RolledBack,
    StateChanged,
    Warned,
)
from ddpm.runs import Run, this_process
from ddpm.runs_root import create_run
from ddpm.session import train_run


@pytest.fixture
def run(tmp_path):
    return create_run(tmp_path / "runs", "one", Config.build(TINY))


def events_of(run, tmp_path):
    return list(train_run(run, data_root=tmp_path, take_commands=list))


class FailsOnce:
    """Raises as a full disk does, the first time it is called."""

    def __init__(self, function):
        self.function, self.failed = function, False

    def __call__(self, *arguments, **options):
        if not self.failed:
            self.failed = True
            raise OSError(28, "No space left on device")
        return self.function(*arguments, **options)


@pytest.mark.parametrize(
    ("module", "name", "what", "kind"),
    [
        (checkpoints, "save", "the checkpoint", CheckpointSaved),
        (background_writer, "write_png", "the preview", PreviewDrawn),
        (Run, "append_metrics", "a row of metrics", MetricsLogged),
    ],
)
def test_a_record_that_cannot_be_written_is_a_warning(run, tmp_path, monkeypatch, module, name, what, kind):
    whole = sum(isinstance(event, kind) for event in events_of(run, tmp_path))
    again = create_run(tmp_path / "runs", "again", Config.build(TINY))
    fails = FailsOnce(getattr(module, name))
    monkeypatch.setattr(module, name, lambda *a, **o: fails(*a, **o))
    events = events_of(again, tmp_path)
    assert [event.message for event in events if isinstance(event, Warned)] == [
        f"{what} could not be written: No space left on device"
    ]
    assert sum(isinstance(event, kind) for event in events) == whole - 1
    assert again.status().state == "finished"
    assert any(row["kind"] == "warning" for row in again.events())
    assert again.checkpoints()[-1].step == 12


def test_rows_that_the_disk_refuses_are_written_when_it_takes_them_again(run, tmp_path, monkeypatch):
    run.write_config(Config.build({**TINY, "train": {**TINY["train"], "log_every": 1}}))
    append, refused = Run.append_metrics, iter(range(5))

    def full_for_a_while(self, row):
        if row["step"] >= 3 and next(refused, None) is not None:
            raise OSError(28, "No space left on device")
        append(self, row)

    monkeypatch.setattr(Run, "append_metrics", full_for_a_while)
    events = events_of(run, tmp_path)
    assert len([event for event in events if isinstance(event, Warned)]) == 1
    assert [row["step"] for row in run.metrics()] == list(range(1, 13))


def test_rows_that_wait_are_forgotten_where_training_goes_back(run, tmp_path, monkeypatch):
    rows = [event for event in events_of(run, tmp_path) if isinstance(event, MetricsLogged)]
    again = create_run(tmp_path / "runs", "again", Config.build(TINY))
    records = recorder_of(again)
    fails = FailsOnce(None)
    with monkeypatch.context() as disk:
        disk.setattr(Run, "append_metrics", fails)
        list(records.follow(rows[:1]))
        fails.failed = False
        list(records.follow(rows[1:2]))
    records.rolled_back(RolledBack(step=9, back_to=5, words=""))
    list(records.follow(rows[1:]))
    assert [row["step"] for row in again.metrics()] == [4, 8, 12]


def recorder_of(run):
    return recorder.Recorder(run, this_process(state="running"), run.config().train)


def test_old_checkpoints_that_cannot_be_deleted_are_a_warning(run, tmp_path, monkeypatch):
    def refuses(*_):
        raise OSError(13, "Permission denied")

    monkeypatch.setattr(retention, "prune", refuses)
    events = events_of(run, tmp_path)
    assert sum(isinstance(event, CheckpointSaved) for event in events) == 3
    assert sum("could not be deleted" in event.message for event in events if isinstance(event, Warned)) == 3
    assert run.status().state == "finished"


def test_the_last_checkpoint_is_not_lost_in_silence(run, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save", full)
    with pytest.raises(RunError, match=r"last checkpoint \(step 12\).*No space left.*resume"):
        events_of(run, tmp_path)
    assert run.status().state == "failed"
    assert "No space left" in run.status().message


def test_a_reader_that_leaves_at_the_end_stops_nothing(run, tmp_path):
    for event in train_run(run, data_root=tmp_path, take_commands=list):
        if isinstance(event, StateChanged) and event.state == "finished":
            break
    assert run.status().state == "finished"


def test_a_batch_that_does_not_fit_is_one_sentence(tmp_path):
    """One image of 16 MB, 65,536 times: a terabyte, which no machine gives."""
    (tmp_path / "images").mkdir()
    Image.new("L", (4096, 4096)).save(tmp_path / "images" / "black.png")
    data = {"source": str(tmp_path / "images"), "image_size": (4096, 4096)}
    config = Config.build({**TINY, "data": data, "train": {"batch_size": 65_536, "device": "cpu"}})
    run = create_run(tmp_path / "runs", "huge", config)
    with pytest.raises(MemoryFullError, match=r"smaller train\.batch_size"):
        events_of(run, tmp_path)
    assert run.status().state == "failed"


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for at in range(3):
        Image.new("L", (8, 8), at).save(folder / f"{at}.png")
    return Config.build({**TINY, "data": {"source": str(folder), "image_size": [8, 8]}})


def test_reading_data_and_drawing_previews_are_signs_of_life(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(recorder, "HEARTBEAT_SECONDS", 0.0)
    run = create_run(tmp_path / "runs", "one", pictures)
    reading, drawing = [], []

    def look(what, done, total):
        assert run.status().state == "preparing"
        reading.append(run.status().heartbeat)

    for event in train_run(run, data_root=tmp_path, take_commands=list, progress=look):
        if isinstance(event, PreviewProgress):
            drawing.append(run.status().heartbeat)
    for beats in (reading, drawing):
        assert len(beats) >= 3
        assert beats == sorted(set(beats))


def test_a_run_that_is_renamed_while_its_data_are_read_ends_with_one_sentence(
    pictures, tmp_path, monkeypatch
):
    monkeypatch.setattr(recorder, "HEARTBEAT_SECONDS", 0.0)
    run = create_run(tmp_path / "runs", "one", pictures)

    def rename(*_):
        if run.is_there():
            run.path.rename(tmp_path / "elsewhere")

    with pytest.raises(RunError, match="was removed or renamed"):
        list(train_run(run, data_root=tmp_path, take_commands=list, progress=rename))
    assert not run.path.exists()
