"""A word that is nearly right is answered by the one that was likely meant."""

import pytest

from ddpm.presets import config_for
from ddpm.runs_root import create_run
from studio.cli import main


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["trian"], "train"),
        (["--imags", "half"], "--images"),
        (["--images=haf"], "half"),
        (["train", "digts"], "digits"),
        (["train", "digits", "--presett", "digits"], "--preset"),
        (["train", "digits", "--preset", "mnst"], "mnist"),
        (["train", "--resume", "digts-1"], "digits-1"),
        (["sample", "Digits-1"], "digits-1"),
        (["delete", "digits1"], "digits-1"),
        (["tell", "digits-1", "puase"], "pause"),
        (["edit", "interpolat", "digits-1", "a.png", "b.png"], "interpolate"),
        (["export", "digits-1", "--out", "x", "--format", "difusers"], "diffusers"),
    ],
)
def test_what_was_likely_meant_is_asked_in_one_sentence(home, capsys, words, meant):
    create_run(home / "runs", "digits-1", config_for("digits"))
    assert main(["--home", str(home), *words]) == 2
    said = capsys.readouterr().err
    assert f"Did you mean {meant}?" in said
    assert said.count("\n") == 1
