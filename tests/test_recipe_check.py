"""A recipe that was edited after training is noticed before it spoils a drawing or a training."""

import pytest
from conftest import TINY_OPTIONS


@pytest.fixture
def config_path(command_line, home):
    done = command_line(
        "train", "digits", "--name", "edited", *TINY_OPTIONS, "--steps=5", "--preview-every=0"
    )
    assert done.returncode == 0, done.stderr
    return home / "runs" / "edited" / "config.toml"


@pytest.mark.parametrize(
    "words", [("sample", "edited", "--n=1"), ("train", "--resume", "edited", "--steps=9")]
)
def test_another_T_than_the_checkpoints_is_one_sentence(command_line, config_path, words):
    text = config_path.read_text()
    config_path.write_text(text.replace("T = 50", "T = 60"))
    done = command_line(*words)
    assert done.returncode == 1
    assert (
        "was trained with diffusion.T = 50, and the run's config.toml says 60. Undo the change" in done.stderr
    )
    assert len(done.stderr.strip().splitlines()) == 1
    config_path.write_text(text)
    assert command_line(*words).returncode == 0
