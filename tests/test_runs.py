"""The run directory: names, locks, records, commands."""

import json
import socket
import subprocess
import sys

import pytest

from ddpm import runs, runs_root
from ddpm.config import Config
from ddpm.errors import RunError, RunNameError
from ddpm.files import append_json_line, parse_json_lines, replace_file


@pytest.fixture
def run(tmp_path):
    return runs_root.create_run(tmp_path / "runs", "one", Config())


def test_a_new_run_can_be_opened_by_name_and_by_path(run):
    root = run.path.parent
    assert runs_root.open_run(root, "one").config() == Config()
    assert runs_root.open_run(root, str(run.path)).path == run.path
    assert [found.name for found in runs_root.list_runs(root)] == ["one"]
    assert run.status().state == "stopped"
    assert not run.is_training()
    assert runs_root.free_name(root, "digits") == "digits-1"
    assert runs_root.free_name(root, "/some where/My Pictures!/") == "My-Pictures-1"


def test_a_taken_name_and_an_unknown_one_are_told(run):
    with pytest.raises(RunNameError, match=r"one already.*resume that run"):
        runs_root.create_run(run.path.parent, "one", Config())
    with pytest.raises(RunNameError, match=r"'two'.*There are: one\."):
        runs_root.open_run(run.path.parent, "two")
    for number in range(10):
        runs_root.create_run(run.path.parent, f"run-{number}", Config())
    with pytest.raises(RunNameError, match=r"one, run-0, .*, run-6 and 3 more \(`ddpm-studio runs`\)\."):
        runs_root.open_run(run.path.parent, "two")


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "-x", "a b", "x" * 81, "tab\t", "\x1b[31m"])
def test_names_that_could_leave_the_folder_are_refused(tmp_path, name):
    with pytest.raises(RunNameError, match="letters, digits"):
        runs_root.create_run(tmp_path, name, Config())
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="--home"):
        runs_root.create_run(tmp_path / "file" / "runs", "one", Config())


def test_a_folder_of_runs_that_is_none_is_told(tmp_path):
    (tmp_path / "runs").write_text("")
    for call in (
        lambda: runs_root.list_runs(tmp_path / "runs"),
        lambda: runs_root.free_name(tmp_path / "runs", "digits"),
        lambda: runs_root.create_run(tmp_path / "runs", "one", Config()),
    ):
        with pytest.raises(RunError, match="--home"):
            call()


def test_a_disk_that_fills_leaves_no_half_a_run(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs, "replace_file", full)
    with pytest.raises(RunError, match="No space left"):
        runs_root.create_run(tmp_path / "runs", "one", Config())
    assert list((tmp_path / "runs").iterdir()) == []


def test_one_process_trains_a_run_and_its_lock_goes_with_it(run):
    script = (
        "import sys, pathlib, ddpm.runs as r\n"
        "with r.Run(pathlib.Path(sys.argv[1])).locked():\n"
        "    print('locked', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, run.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "locked\n"
    assert run.is_training()
    who = rf"by process {holder.pid} on {socket.gethostname()}, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\."
    with pytest.raises(RunError, match=f"being trained already, {who}"), run.locked():
        pass
    with pytest.raises(RunError, match=f"{who} Stop it there before deleting it"):
        run.delete()
    with pytest.raises(RunError, match=f"{who} Stop it there before renaming it"):
        run.rename("two")
    holder.kill()
    holder.wait()
    assert not run.is_training()
    with run.locked():
        assert run.is_training()
    assert not run.is_training()


@pytest.mark.parametrize(
    "content",
    [None, b"", b"{", b"[]", b'{"state": "dancing"}', b'{"state": "running", "step": null}', b"\xff"],
)
def test_a_damaged_status_reads_as_stopped(run, content):
    if content is None:
        run.status_path.unlink()
    else:
        run.status_path.write_bytes(content)
    assert run.status().state == "stopped"


def test_commands_arrive_once_and_in_order(run):
    for command in ("pause", "resume", "stop"):
        run.send(command)
    (run.inbox_path / "999-nonsense").touch()
    (run.inbox_path / ".half-written").touch()
    (run.inbox_path / "0-stop").mkdir()
    assert run.take_commands() == ["pause", "resume", "stop"]
    assert run.take_commands() == []


def test_rewinding_forgets_what_comes_after(run):
    for step in (10, 20, 30):
        run.append_metrics({"step": step})
        (run.previews_path / f"{step:08d}.png").write_bytes(b"")
        (run.previews_path / f"{step:08d}.json").write_text("{}")
        (run.previews_path / f"{step:08d}.raw.png").write_bytes(b"")
        (run.previews_path / f"{step:08d}.raw.json").write_text("{}")
    run.rewind(20)
    assert [row["step"] for row in run.metrics()] == [10, 20]
    assert [preview.step for preview in run.previews()] == [10, 20]
    left = {path.name for path in run.previews_path.glob("*.raw.*")}
    assert left == {f"{step:08d}.raw.{suffix}" for step in (10, 20) for suffix in ("png", "json")}


def test_rewinding_leaves_a_file_alone_that_has_nothing_later(run):
    run.rewind(20)
    assert run.metrics_path.read_bytes() == b""
    run.metrics_path.write_bytes(b'{"step": 10, "loss": 1}\n{"loss": 2, "step": 20}')
    before = run.metrics_path.stat()
    run.rewind(20)
    assert run.metrics_path.stat() == before
    assert [row["step"] for row in run.metrics()] == [10, 20]


def test_rewinding_takes_out_later_rows_and_what_is_no_row_wherever_they_are(run):
    rows = [
        b'{"step": 10, "loss": 1}',
        b"torn {",
        b'{"step": 30, "loss": 1}',
        b'{"step": "x"}',
        b'{"kept": 1}',
    ]
    run.metrics_path.write_bytes(b"\n".join([*rows, b'{"step": 20}']))
    run.rewind(20)
    assert run.metrics_path.read_bytes() == b'{"step": 10, "loss": 1}\n{"kept": 1}\n{"step": 20}\n'


def test_rewinding_clears_what_a_killed_process_had_half_written(run):
    halves = [run.path / ".status.json.0.tmp", run.previews_path / ".00000010.png.0.tmp"]
    for half in halves:
        half.touch()
    run.rewind(20)
    assert not any(half.exists() for half in halves)
    assert run.status().message == "not started"


def test_a_torn_line_is_passed_over_and_closed_off(tmp_path):
    path = tmp_path / "rows.jsonl"
    append_json_line(path, {"a": 1})
    with path.open("ab") as file:
        file.write(b'{"a": 2, "b"')
    assert list(parse_json_lines(path.read_bytes())) == [{"a": 1}]
    append_json_line(path, {"a": 3})
    assert list(parse_json_lines(path.read_bytes())) == [{"a": 1}, {"a": 3}]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "status.json"
    replace_file(path, b"old")

    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["status.json"]


def test_deleting_removes_everything(run):
    run.append_metrics({"step": 1})
    run.delete()
    assert list(run.path.parent.iterdir()) == []


def test_renaming_keeps_everything_and_takes_no_name_that_is_there(run):
    run.append_metrics({"step": 1})
    other = runs_root.create_run(run.path.parent, "other", Config())
    (run.path.parent / "empty").mkdir()
    for name, why in (("other", "already"), ("empty", "already"), ("../up", "letters, digits")):
        with pytest.raises(RunNameError, match=why):
            run.rename(name)
    renamed = run.rename("two")
    assert [found.name for found in runs_root.list_runs(run.path.parent)] == ["other", "two"]
    assert renamed.metrics() == [{"step": 1}]
    assert not run.is_there()
    assert other.is_there()
    with pytest.raises(RunError, match="was deleted or renamed"):
        run.rename("three")


def test_only_what_lies_in_the_folder_of_the_runs_is_a_run_by_name(run, tmp_path, monkeypatch):
    """What deletes takes names: no path leads it to another program's folder, which may hold a config.toml too."""
    (tmp_path / "config.toml").touch()
    monkeypatch.chdir(tmp_path)
    for name in (".", "..", str(tmp_path), "../../" + tmp_path.name, "runs/one"):
        with pytest.raises(RunNameError, match="There is no run named"):
            runs_root.named_run(run.path.parent, name)
    assert runs_root.named_run(run.path.parent, "one").path == run.path


def test_records_are_json_lines(run):
    run.record("checkpoint", 5, "why", size=3)
    (row,) = [json.loads(line) for line in run.events_path.read_text().splitlines()]
    assert (row["kind"], row["step"], row["message"], row["size"]) == ("checkpoint", 5, "why", 3)
    assert run.events() == [row]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"pid": "\\u001b[31m"}', '{"host": "\\u001b[31m", "since": 1e300}']
)
def test_a_lock_that_somebody_wrote_into_names_nobody_it_should_not(run, content):
    with run.locked():
        run.lock_path.write_text(content)
        with (
            pytest.raises(RunError, match="being trained already, by another process") as refusal,
            run.locked(),
        ):
            pass
        assert str(refusal.value).isprintable()
