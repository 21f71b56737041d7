"""What the README says of code, commands and keys is true."""

import re
import shlex
import subprocess
import sys
from typing import get_args

import pytest
from conftest import REPOSITORY, environment

from studio.action import Place
from studio.actions import ACTIONS
from studio.cli import build_parser

README = (REPOSITORY / "README.md").read_text()


def test_the_library_in_ten_lines_runs(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(code.strip().splitlines()) <= 10
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**environment(tmp_path), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert "StepDone(step=20" in done.stdout
    assert list(tmp_path.iterdir()) == []


COMMANDS = [
    line.split("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.S)
    for line in block.splitlines()
    if line.startswith("ddpm-studio")
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_readme_is_one(command):
    words = shlex.split(command)[1:]
    assert build_parser(words).parse_args(words).command == words[0]


def test_every_make_target_of_the_readme_is_one():
    targets = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.M))
    assert (
        set(re.findall(r"`?\bmake ([a-z]+)\b`?  ?", README)) & {"studio", "test", "demo", "lint"} <= targets
    )
    assert {"studio", "test", "demo", "lint"} <= targets


def key_table() -> str:
    """The table of keys, as the README is to have it."""
    rows = ["| where | keys |", "|---|---|"]
    for place in get_args(Place):
        keys = [
            f"`{action.key_label or action.key.replace('escape', 'esc')}` {action.label}"
            for action in ACTIONS
            if action.place == place
        ]
        rows.append(f"| {place} | {' · '.join(keys)} |")
    return "\n".join(rows)


def test_the_key_table_is_that_of_the_actions():
    assert key_table() in README, f"the README should have this table:\n{key_table()}"


def test_pictures_are_there():
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (REPOSITORY / path).stat().st_size > 5_000
