"""A run that begins at a checkpoint of another one, also at one that training went back behind."""

import pytest
from app_pilot import tiny_config

from ddpm import retention
from ddpm.branch import branch
from ddpm.checkpoint import find_checkpoint
from ddpm.errors import CheckpointError
from ddpm.events import Warned
from ddpm.runs import Run
from ddpm.runs_root import create_run
from ddpm.session import train_run
from studio import doctor
from studio.cli import main


def trained(run, tmp_path, step=None):
    """Train a run from a checkpoint to its end; returns what it warned of."""
    checkpoint = None if step is None else find_checkpoint(run.checkpoints_path, step)
    events = train_run(run, data_root=tmp_path, take_commands=list, checkpoint=checkpoint)
    return [event.message for event in events if isinstance(event, Warned)]


def weights(run):
    return (run.checkpoints()[-1].path / "model.safetensors").read_bytes()


@pytest.fixture
def run(tmp_path):
    run = create_run(tmp_path / "runs", "one", tiny_config(previews={"every": 0}))
    assert trained(run, tmp_path) == []
    return run


def test_a_branch_trains_on_as_the_other_run_did_and_leaves_it_alone(run, tmp_path, capsys):
    before = sorted(run.path.rglob("*"))
    assert main(["--home", str(tmp_path), "branch", "one", "two", "--checkpoint", "5"]) == 0
    assert f"ddpm-studio train --resume two --home {tmp_path}" in capsys.readouterr().out
    made = Run(tmp_path / "runs" / "two")
    assert (made.status().state, made.status().step) == ("stopped", 5)
    trained(made, tmp_path, 5)
    assert weights(made) == weights(run)
    assert sorted(run.path.rglob("*")) == before
    assert main(["--home", str(tmp_path), "branch", "one", "two"]) == 2
    assert main(["--home", str(tmp_path), "branch", "one", "three", "--checkpoint", "7"]) == 2
    assert "There is no checkpoint of step 7" in capsys.readouterr().err


def test_what_is_to_be_kept_for_ever_is_told_of_when_training_goes_back_and_can_be_had_again(
    run, tmp_path, capsys
):
    kept = find_checkpoint(run.checkpoints_path, 12)
    retention.mark(kept)
    there = weights(run)
    (told,) = trained(run, tmp_path, 5)
    assert "step 12, to be kept for ever, lies aside now" in told
    found, _ = doctor.runs_in(run.path.parent, hashes=False)
    assert found.well
    assert "ddpm-studio branch one NEW --set-aside --checkpoint 12" in found.found
    again = ["--home", str(tmp_path), "branch", "one", "kept", "--set-aside", "--checkpoint"]
    assert main([*again, "5"]) == 2
    assert "No checkpoint of step 5 lies aside in" in capsys.readouterr().err
    assert main([*again, "12"]) == 0
    assert weights(Run(tmp_path / "runs" / "kept")) == there


def test_a_damaged_checkpoint_makes_no_branch(run, tmp_path):
    broken = run.checkpoints()[0]
    (broken.path / "ema.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match="is damaged"):
        branch(tmp_path / "runs", "two", run, broken)
    assert not (tmp_path / "runs" / "two").exists()
