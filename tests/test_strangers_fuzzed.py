"""Files that anybody may have written, over 10,000 of them: each ends in a clear error or in a correct read."""

import hashlib
import io
import json
import struct
from contextlib import suppress

import pytest
import torch
from conftest import TINY
from hostile import TEXTS, changed, damaged, files, values
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save as safetensors_bytes

from ddpm import checkpoint as checkpoints
from ddpm import recipe_file
from ddpm.commands import LONGEST_NOTE, NAMES, WORDS, Note, SetLearningRate, SetPreviewEvery
from ddpm.config import Config
from ddpm.errors import CheckpointError, ConfigError, DDPMError, ExchangeError, RunError
from ddpm.exchange.network_file import is_network_file, load_network_file, save_network_file
from ddpm.files import parse_json_lines
from ddpm.printable import printable
from ddpm.runs import Run
from ddpm.runs_root import create_run
from ddpm.session import train_run
from ddpm.tensor_files import read_tensors
from studio.contact_sheet import preview_images
from studio.feed import LineTail, newest_preview

TENSORS = {"model": {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(2.0)}}
STATE = {"images_seen": 12, "seconds": 0.1, "since_metrics": {"loss": 0.5, "steps": 1}}


def cases(n):
    """So many cases, the same on every run."""
    return settings(
        max_examples=n,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("strangers")


@pytest.fixture(scope="module")
def saved(place):
    return checkpoints.save(place / "checkpoints", 7, TENSORS, STATE)


MANIFEST = {
    "format": 1,
    "step": 7,
    "files": {
        "model.safetensors": {"size": 208, "sha256": "0" * 64},
        "state.json": {"size": 121, "sha256": "0" * 64},
    },
}


@cases(1600)
@given(content=files(MANIFEST))
def test_a_manifest_is_read_or_told_to_be_damaged(saved, content):
    (saved.path / "manifest.json").write_bytes(content)
    (listed,) = checkpoints.list_checkpoints(saved.path.parent)
    problem = checkpoints.verify(listed)
    assert problem.isprintable()
    if problem:
        with pytest.raises(CheckpointError, match="damaged"):
            checkpoints.load(listed, "model")


def written_by_a_stranger(checkpoint, name, content):
    """The checkpoint with another file in it, and a manifest that vouches for all of them."""
    (checkpoint.path / name).write_bytes(content)
    stored = {
        path.name: path.read_bytes() for path in checkpoint.path.iterdir() if path.name != "manifest.json"
    }
    entries = {n: {"size": len(c), "sha256": hashlib.sha256(c).hexdigest()} for n, c in stored.items()}
    manifest = {"format": 1, "step": checkpoint.step, "files": entries}
    (checkpoint.path / "manifest.json").write_text(json.dumps(manifest))


@cases(1000)
@given(content=files({"step": 7, **STATE}))
def test_a_state_is_read_or_refused(saved, content):
    written_by_a_stranger(saved, "state.json", content)
    (listed,) = checkpoints.list_checkpoints(saved.path.parent)
    assert checkpoints.verify(listed) == ""
    with suppress(CheckpointError):
        _, state = checkpoints.load(listed, "model")
        assert state["step"] == 7


SAFETENSORS = safetensors_bytes(TENSORS["model"], {"format": "pt"})
HEADER = json.loads(SAFETENSORS[8 : 8 + struct.unpack("<Q", SAFETENSORS[:8])[0]])


def with_header(document, length=None):
    header = json.dumps(document).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + SAFETENSORS[-28:]


def strange_safetensors():
    lengths = st.sampled_from((None, None, 0, 1, 2**31, 2**63, 2**64 - 1, 100_000_001))
    return st.builds(with_header, changed(HEADER), lengths) | damaged(SAFETENSORS)


@cases(1700)
@given(content=strange_safetensors())
@example(content=SAFETENSORS)
def test_safetensors_are_read_or_refused(place, content):
    path = place / "strange.safetensors"
    path.write_bytes(content)
    with suppress(ValueError):
        tensors = read_tensors(path)
        assert sum(t.numel() * t.element_size() for t in tensors.values()) <= len(content)


@pytest.fixture(scope="module")
def trained(place):
    """A run of a step more than its checkpoint."""
    config = Config.build({**TINY, "train": {**TINY["train"], "steps": 6}, "previews": {"every": 0}})
    run = create_run(place / "runs", "trained", config)
    for _ in train_run(run, data_root=place, take_commands=list):
        pass
    return run, (run.checkpoints()[0].path / "state.json").read_bytes()


@cases(60)
@given(data=st.data())
def test_a_run_resumes_from_a_strange_state_or_says_why_not(trained, place, data):
    run, state = trained
    content = json.dumps(data.draw(changed(json.loads(state)))).encode()
    checkpoint = run.checkpoints()[0]
    written_by_a_stranger(checkpoint, "state.json", content)
    with suppress(DDPMError):
        checkpoint = checkpoints.find_checkpoint(run.checkpoints_path, 5)
        for _ in train_run(run, data_root=place, take_commands=lambda: ["stop"], checkpoint=checkpoint):
            pass


CHANGES = [{"step": 3, "lr": 0.001, "reason": "asked"}, {"step": 4, "preview_every": 7}]
RECIPE = recipe_file.to_toml(Config.build({**TINY, "changes": CHANGES})).encode()


def toml_files():
    strange = st.sampled_from(
        (
            "1e999",
            "nan",
            "0x" + "f" * 9000,
            "[" * 5000,
            "{a=" * 5000,
            '"\\u001b[31m"',
            "9" * 5000,
            "1979-13-01",
            "",
        )
    )
    lines = RECIPE.decode().splitlines()

    def replace(at, value):
        key = lines[at].partition("=")[0]
        return "\n".join([*lines[:at], f"{key} = {value}", *lines[at + 1 :]]).encode()

    return st.builds(replace, st.integers(0, len(lines) - 1), strange) | damaged(RECIPE)


@cases(800)
@given(content=toml_files())
@example(content=RECIPE)
@example(content=b".".join([b"a"] * 5_000) + b" = 1")
def test_a_recipe_is_read_or_refused_in_few_words(place, content):
    run = Run(place / "recipe")
    run.path.mkdir(exist_ok=True)
    run.config_path.write_bytes(content)
    told = ""
    try:
        recipe_file.to_toml(run.config())
    except ConfigError as error:
        told = str(error)
    assert len(told) < 50_000
    assert told.replace("\n", "").isprintable()


STATUS = {
    "state": "running",
    "step": 3,
    "steps": 9,
    "message": "on",
    "pid": 7,
    "host": "here",
    "heartbeat": 1.5,
}


@cases(1000)
@given(content=files(STATUS))
def test_a_status_is_read_or_taken_as_stopped(place, content):
    run = Run(place / "status")
    run.path.mkdir(exist_ok=True)
    run.status_path.write_bytes(content)
    status = run.status()
    assert (status.message + status.host + status.device).replace("\n", "").isprintable()
    assert abs(status.heartbeat) < float("inf")


ROWS = b"".join(
    json.dumps({"step": step, "loss": 0.5, "memory": {"rss": 5}}).encode() + b"\n" for step in (1, 2, 3)
)


@cases(1100)
@given(content=damaged(ROWS))
def test_rows_are_read_the_same_at_once_and_bit_by_bit(place, content):
    path = place / "metrics.jsonl"
    path.write_bytes(content)
    whole = content.rpartition(b"\n")[0]
    tail, rows, more = LineTail(path), [], True
    while more:
        new, _, more = tail.read(256)
        rows += new
    assert str(rows) == str(list(parse_json_lines(whole)))


@cases(300)
@given(
    content=st.lists(
        st.dictionaries(st.sampled_from(("step", "loss", "x")), values(), max_size=3) | values(), max_size=4
    ).map(lambda rows: b"\n".join(json.dumps(row).encode() for row in rows))
)
def test_a_run_forgets_what_came_later_in_any_rows(place, content):
    run = Run(place / "rewound")
    run.path.mkdir(exist_ok=True)
    run.metrics_path.write_bytes(content)
    run.rewind(5)
    for row in run.metrics():
        assert row.get("step", 0) <= 5


@cases(900)
@given(
    letters=st.lists(
        st.tuples(
            st.builds(
                lambda a, b: f"{a}-{b}".replace("/", "").replace("\0", "")[:80] or "x",
                st.text(max_size=8),
                st.sampled_from(WORDS) | st.sampled_from(TEXTS) | st.text(max_size=8),
            ),
            st.sampled_from((b"", b"0.001", b"7", b'"a note"'))
            | values().map(lambda value: json.dumps(value).encode())
            | damaged(b'"a note of 0.001"'),
        ),
        max_size=4,
    )
)
@example(letters=[("1-lr", b"0.5"), ("2-preview-every", b"3"), ("3-note", b'"a \\u001b"'), ("4-lr", b"NaN")])
def test_of_an_inbox_only_commands_come_out(place, letters):
    run = Run(place / "inbox-of")
    run.inbox_path.mkdir(parents=True, exist_ok=True)
    for name, content in letters:
        if name not in (".", ".."):
            with suppress(OSError, UnicodeError):
                (run.inbox_path / name).write_bytes(content)
    for command in run.take_commands():
        match command:
            case SetLearningRate(value=lr):
                assert 0 < lr <= 10
            case SetPreviewEvery(value=every):
                assert 0 <= every < 2**63
            case Note(value=words):
                assert words.isprintable()
                assert 0 < len(words) <= LONGEST_NOTE
            case _:
                assert command in NAMES
    assert run.take_commands() == []


def png(width, height):
    buffer = io.BytesIO()
    Image.new("L", (width, height), 7).save(buffer, "PNG")
    return buffer.getvalue()


DESCRIPTION = {"step": 6, "columns": 2, "channels": 1, "height": 4, "width": 4, "n": 4}


@cases(1000)
@given(
    content=damaged(png(8, 8)) | st.just(png(8, 8)), description=st.just(DESCRIPTION) | changed(DESCRIPTION)
)
@example(content=png(8, 8), description=DESCRIPTION)
def test_a_preview_is_shown_or_refused(place, content, description):
    run = Run(place / "previewed")
    run.previews_path.mkdir(parents=True, exist_ok=True)
    (run.previews_path / "00000006.png").write_bytes(content)
    (run.previews_path / "00000006.json").write_text(json.dumps(description))
    preview = newest_preview(run)
    with suppress(RunError):
        if preview:
            assert preview_images(preview).size <= 64 * 4


@pytest.fixture(scope="module")
def network_file(trained, place):
    from ddpm.generate import load_network

    run, _ = trained
    checkpoint = run.checkpoints()[-1]
    save_network_file(load_network(run, checkpoint, device="cpu"), place / "network.safetensors")
    return (place / "network.safetensors").read_bytes()


@cases(400)
@given(data=st.data())
def test_an_exported_file_is_read_or_refused(network_file, place, data):
    length = struct.unpack("<Q", network_file[:8])[0]
    good = network_file[8 : 8 + length].rstrip()
    header = data.draw(damaged(good) | changed(json.loads(good)).map(lambda d: json.dumps(d).encode()))
    path = place / "given.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + network_file[8 + length :])
    is_network_file(path)
    with suppress(ExchangeError, ConfigError):
        load_network_file(path, "cpu")


@cases(800)
@given(text=st.text(st.characters(), max_size=30) | st.sampled_from(TEXTS))
def test_what_is_printable_has_nothing_that_a_terminal_obeys(text):
    shown = printable(text)
    assert shown.replace("\n", "").isprintable()
    assert printable(shown) == shown
    shown.encode()
    assert str(DDPMError(text)) == shown
