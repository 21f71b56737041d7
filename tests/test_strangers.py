"""Hostile files one by one: links, pipes, files without end, bombs, words for the terminal, pickles."""

import io
import json
import os
import shutil
import struct
import tracemalloc
import zlib

import pytest
import torch
from conftest import TINY

from ddpm import checkpoint as checkpoints
from ddpm.config import Config
from ddpm.errors import CheckpointError, ConfigError, RunError
from ddpm.events import StateChanged, Warned
from ddpm.files import append_json_line
from ddpm.optim import build_optimizer, load_optimizer_tensors
from ddpm.runs import Run
from ddpm.runs_root import create_run, list_runs, open_run
from ddpm.session import train_run
from ddpm.tensor_files import read_tensors
from studio.commands.progress import PlainReport
from studio.contact_sheet import preview_images
from studio.feed import LineTail, RunFeed, last_row, newest_preview
from studio.widgets.log import log_line

TENSORS = {"model": {"a": torch.arange(6.0)}}


@pytest.fixture
def run(tmp_path):
    run = create_run(tmp_path / "runs", "one", Config.build(TINY))
    checkpoints.save(run.checkpoints_path, 5, TENSORS, {})
    return run


def look_at_everything(run):
    """What the app and the command line read of a run before a person chose it."""
    run.status(), run.is_training(), run.metrics(), run.events(), run.previews(), run.take_commands()
    last_row(run.metrics_path), newest_preview(run), RunFeed(run).poll()
    return [checkpoints.verify(checkpoint) for checkpoint in run.checkpoints()]


PARTS = (
    "config.toml",
    "status.json",
    "metrics.jsonl",
    "events.jsonl",
    "previews",
    "checkpoints",
    "inbox",
    "lock",
)


@pytest.mark.parametrize("part", PARTS)
def test_a_link_out_of_the_run_is_not_followed_by_a_trainer(run, tmp_path, part):
    """Appending to metrics.jsonl, emptying the inbox and pruning checkpoints would reach into other folders."""
    outside = tmp_path / "outside"
    if (run.path / part).is_dir():
        shutil.copytree(run.path / part, outside)
        (outside / "00000001-stop").write_text("a person's own")
        shutil.rmtree(run.path / part)
    else:
        outside.write_text("a person's own")
        (run.path / part).unlink(missing_ok=True)
    (run.path / part).symlink_to(outside)
    before = sorted(path.name for path in outside.iterdir()) if outside.is_dir() else outside.read_bytes()
    with pytest.raises(RunError, match=f"{part} is a link"):
        list(train_run(run, data_root=tmp_path, take_commands=list, config=Config.build(TINY)))
    after = sorted(path.name for path in outside.iterdir()) if outside.is_dir() else outside.read_bytes()
    assert after == before


@pytest.mark.parametrize("name", ["model.safetensors", "state.json", "manifest.json"])
def test_a_checkpoint_with_a_link_is_damaged(run, tmp_path, name):
    (checkpoint,) = run.checkpoints()
    (checkpoint.path / name).rename(tmp_path / name)
    (checkpoint.path / name).symlink_to(tmp_path / name)
    (listed,) = run.checkpoints()
    assert not listed.whole


def test_a_checkpoint_that_is_a_link_is_none(run, tmp_path):
    (checkpoint,) = run.checkpoints()
    checkpoint.path.rename(tmp_path / "elsewhere")
    checkpoint.path.symlink_to(tmp_path / "elsewhere")
    assert run.checkpoints() == []


@pytest.mark.parametrize("part", [part for part in PARTS if "." in part or part == "lock"])
def test_a_pipe_in_place_of_a_file_makes_nobody_wait(run, part):
    (run.path / part).unlink(missing_ok=True)
    os.mkfifo(run.path / part)
    look_at_everything(run)
    if part == "config.toml":
        with pytest.raises(ConfigError, match="no plain file"):
            run.config()


def test_files_of_gigabytes_take_no_memory(run):
    """Sparse, so that they take no room on the disk either."""
    (checkpoint,) = run.checkpoints()
    previews = run.previews_path / "00000006.json"
    (run.previews_path / "00000006.png").touch()
    files = [run.config_path, run.status_path, previews, checkpoint.path / "manifest.json"]
    for path in files:
        path.touch()
        os.truncate(path, 1 << 40)
    for path in (run.metrics_path, run.events_path):
        path.write_bytes(b'{"step": 1}\n')
        os.truncate(path, 1 << 25)
    tracemalloc.start()
    try:
        look_at_everything(run)
        with pytest.raises(ConfigError, match="more than 1,048,576 bytes"):
            run.config()
        tail, more = LineTail(run.metrics_path), True
        while more:
            _, _, more = tail.read()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12 << 20
    assert [row["step"] for row in run.metrics()] == [1]


def test_weights_larger_than_the_memory_are_refused_before_they_are_read(tmp_path):
    path = tmp_path / "huge.safetensors"
    path.touch()
    os.truncate(path, 1 << 43)
    with pytest.raises(ValueError, match=r"8,192 GiB, and .* of memory are free"):
        read_tensors(path)


def test_a_recipe_of_a_giant_is_refused_before_its_network_is_built(run, tmp_path):
    from ddpm.generate import load_network

    checkpoints.save(run.checkpoints_path, 6, {"ema": TENSORS["model"]}, {})
    giant = {
        **TINY,
        "model": {"dim": 1024, "dim_mults": (64, 64, 64)},
        "data": {"image_size": 8, "channels": 1},
    }
    run.write_config(Config.build(giant))
    with pytest.raises(CheckpointError, match=r"6 numbers, and the network of the recipe has .*,.*,.*,"):
        load_network(run, run.checkpoints()[-1], device="cpu")


def bomb(width, height):
    """A small PNG that says it is a large one."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [30_000, 100_000])
def test_a_picture_bomb_is_refused(run, side):
    (run.previews_path / "00000006.png").write_bytes(bomb(side, side))
    recipe = {"step": 6, "n": 1, "columns": 1, "channels": 1, "height": 8, "width": 8}
    (run.previews_path / "00000006.json").write_text(json.dumps(recipe))
    tracemalloc.start()
    try:
        with pytest.raises(RunError, match="cannot be shown"):
            preview_images(newest_preview(run))
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_a_preview_that_is_no_png_is_refused_though_pillow_could_read_it(run):
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, "BMP")
    (run.previews_path / "00000006.png").write_bytes(buffer.getvalue())
    recipe = {"step": 6, "n": 1, "columns": 1, "channels": 1, "height": 8, "width": 8}
    (run.previews_path / "00000006.json").write_text(json.dumps(recipe))
    with pytest.raises(RunError, match="cannot be shown"):
        preview_images(newest_preview(run))


RED = "\x1b[31mred\x1b]0;owned\x07"


def test_escape_codes_in_names_and_messages_are_shown_not_sent(run, command_line, home):
    hostile = home / "runs" / f"a{RED}"
    hostile.parent.mkdir(parents=True)
    shutil.copytree(run.path, hostile)
    shutil.copytree(run.path, home / "runs" / "b")
    for name in (hostile.name, "b"):
        run = Run(home / "runs" / name)
        status = {"state": "failed", "message": RED, "host": RED, "device": RED}
        run.status_path.write_text(json.dumps(status))
        text = run.config_path.read_text()
        run.config_path.write_text(text.replace('source = "digits"', f"source = {json.dumps(RED)}"))
    (home / "runs" / "b" / "config.toml").write_text(f"format = 1\n[data]\n{json.dumps(RED)} = 1\n")
    for words in (
        ["runs"],
        ["runs", "--json"],
        ["train", "--resume", "b"],
        ["train", "--resume", RED],
        ["sample", RED],
    ):
        done = command_line(*words)
        assert "\x1b" not in done.stdout + done.stderr, words
        assert "\x07" not in done.stdout + done.stderr, words
    assert r"a\x1b[31mred" in command_line("runs").stdout
    assert next(found.name for found in list_runs(home / "runs")) == r"a\x1b[31mred\x1b]0;owned\x07"


def test_escape_codes_in_events_are_shown_not_sent(run, capsys):
    report = PlainReport(run)
    report.event(Warned(3, RED))
    report.event(StateChanged("failed", 3, RED))
    append_json_line(run.events_path, {"time": 0, "kind": RED, "step": 1, "message": RED})
    (event,) = run.events()
    assert "\x1b" not in capsys.readouterr().out + log_line(event, {}).plain


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt"])
def test_a_pickle_is_refused_with_what_to_do(tmp_path, suffix, monkeypatch, capsys):
    from studio.cli import main

    path = tmp_path / f"model{suffix}"
    torch.save({"a": 1}, path)
    monkeypatch.setattr("pickle.Unpickler", None)
    for words in (
        ["sample", str(path)],
        ["export", str(path), "--format", "safetensors", "--out", "x"],
        ["train", "--resume", str(path)],
        ["import", str(path)],
        ["sample", "one", "--checkpoint", str(path)],
    ):
        try:
            code = main([*words, "--home", str(tmp_path)])
        except SystemExit as left:
            code = left.code
        errors = capsys.readouterr().err
        assert code in (1, 2), words
        assert "is a pickle" in errors
        assert "safetensors" in errors


def test_a_pickle_among_the_files_of_a_checkpoint_is_never_opened(run):
    (checkpoint,) = run.checkpoints()
    (checkpoint.path / "model.pt").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    assert checkpoints.load(checkpoint, "model")[0]["model"].keys() == {"a"}
    with pytest.raises(RunError, match="is a pickle"):
        open_run(run.path.parent, str(checkpoint.path / "model.pt"))


def test_an_optimizer_of_other_shapes_is_refused():
    """The optimizer's fused kernel would read past the end of a moment that is too small."""
    network = torch.nn.Linear(3, 4)
    optimizer = build_optimizer(Config().train, network)
    with pytest.raises(ValueError, match=r"exp_avg/weight has the shape \[2\], not \[4, 3\]"):
        load_optimizer_tensors(optimizer, network, {"exp_avg/weight": torch.zeros(2)})
