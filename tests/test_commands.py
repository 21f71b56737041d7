"""What a trainer can be told, on its way through the inbox and from the command line."""

import os

import pytest
from conftest import TINY

from ddpm.commands import LONGEST_NOTE, Note, SetLearningRate, SetPreviewEvery, parse_command
from ddpm.config import Config
from ddpm.errors import UsageError
from ddpm.runs import this_process
from ddpm.runs_root import create_run
from studio.cli import FAILED, WRONG_USAGE, main


@pytest.fixture
def run(home):
    return create_run(home / "runs", "one", Config.build(TINY))


COMMANDS = [
    ("pause", "pause"),
    ("lr 0.0005", SetLearningRate(5e-4)),
    ("lr 1", SetLearningRate(1.0)),
    ("preview-every 0", SetPreviewEvery(0)),
    ("preview-every 500", SetPreviewEvery(500)),
    ("note the loss\tis \x1b flat", Note(r"the loss is \x1b flat")),
    ("note " + "\U0001f600" * LONGEST_NOTE, Note("\U0001f600" * LONGEST_NOTE)),
]


@pytest.mark.parametrize(("typed", "command"), COMMANDS)
def test_a_command_arrives_as_it_was_typed(run, typed, command):
    assert parse_command(typed.split(" ")) == command
    run.send(command)
    assert run.take_commands() == [command]
    assert list(run.inbox_path.iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("fly", "'fly' is not a command. There are pause,"),
        ("pause now", "pause stands alone"),
        ("lr", "lr needs a value"),
        ("lr fast", "lr needs a number after it, not 'fast'"),
        ("lr nan", "needs a number"),
        ("lr 0", "lr cannot be '0': it should be greater than 0"),
        ("lr 11", "less than or equal to 10"),
        ("lr true", "valid number"),
        ("preview-every 1.5", "valid integer"),
        ("preview-every -1", "greater than or equal to 0"),
        ("note " + "x" * (LONGEST_NOTE + 1), f"longer than {LONGEST_NOTE}"),
        ("note \t", "it says nothing"),
    ],
)
def test_what_is_no_command_is_told(typed, words):
    with pytest.raises(UsageError, match=words):
        parse_command(typed.split(" "))


def test_files_that_are_no_commands_are_cleared_and_nobody_waits_for_them(run, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("0.001")
    os.mkfifo(run.inbox_path / "1-lr")
    (run.inbox_path / "2-lr").symlink_to(elsewhere)
    (run.inbox_path / "3-note").write_bytes(b'"' + b"x" * (1 << 20))
    (run.inbox_path / "4-lr").write_text('{"value": 1}')
    (run.inbox_path / "5-preview-every").write_text("[" * 3000)
    (run.inbox_path / "6-lr").write_text("0.002")
    (run.inbox_path / "7-lr").mkdir()
    assert run.take_commands() == [SetLearningRate(2e-3)]
    assert [path.name for path in run.inbox_path.iterdir()] == ["7-lr"]
    assert elsewhere.read_text() == "0.001"


def test_a_flood_is_taken_in_parts_and_in_order(run):
    for number in range(1500):
        (run.inbox_path / f"{number:04d}-preview-every").write_text(str(number))
    taken = [command.value for _ in range(2) for command in run.take_commands()]
    assert taken == list(range(1500))


def test_a_shell_tells_a_trainer(run, home, capsys):
    tell = ["--home", str(home), "tell", "one"]
    assert main([*tell, "pause"]) == FAILED
    assert "Nobody trains one" in capsys.readouterr().err
    with run.locked():
        run.write_status(this_process(state="preparing"))
        assert main([*tell, "pause"]) == FAILED
        assert "still opening its data" in capsys.readouterr().err
        run.write_status(this_process(state="running"))
        assert main([*tell, "lr", "0.0005"]) == 0
        assert main([*tell, "note", "the loss", "is flat"]) == 0
        assert capsys.readouterr().out == "told one: lr 0.0005\ntold one: note the loss is flat\n"
        assert main([*tell, "lr", "-1"]) == WRONG_USAGE
        assert "greater than 0" in capsys.readouterr().err
        assert main([*tell, "preview-every", "-1"]) == WRONG_USAGE
    assert run.take_commands() == [SetLearningRate(5e-4), Note("the loss is flat")]
