"""Whatever a recipe draws, a run that was lost twice on its way ends as the one that was never stopped."""

import numpy as np
import pytest
from PIL import Image
from told_runs import resume, same_end, train

from ddpm.checkpoint import find_checkpoint
from ddpm.commands import SetLearningRate
from ddpm.config import merge
from ddpm.events import PreviewDrawn, PreviewProgress
from ddpm.presets import PRESETS, config_for
from ddpm.runs_root import create_run
from ddpm.session import train_run

# What makes a recipe small and each of its steps logged, and what an interruption may cut through.
SMALL = {
    "data": {"image_size": (8, 8)},
    "model": {"dim": 8, "norm_groups": 4, "attention_head_dim": 8, "blocks_per_level": 1},
    "diffusion": {"T": 50},
    "train": {
        "steps": 10,
        "batch_size": 7,
        "log_every": 1,
        "checkpoint_every": 3,
        "warmup_steps": 3,
        "device": "cpu",
    },
    "previews": {"every": 4, "n": 2, "steps": 2},
}
CLASSES = {
    "data": {"flip": True},
    "model": {"class_conditional": True, "dropout": 0.2},
    "train": {"label_dropout": 0.3},
}
VARIANTS = {
    **{f"preset {name}": (name, {}) for name in PRESETS},
    "classes, dropout, mirrored, in parts": (
        "digits",
        merge(CLASSES, {"diffusion": {"timestep_sampling": "antithetic"}, "train": {"microbatch": 3}}),
    ),
    "streamed by workers, bfloat16": (
        "digits",
        merge(
            CLASSES,
            {
                "data": {"stream": "always", "workers": 2, "held_out": 0.2},
                "train": {"precision": "bfloat16", "held_out_every": 4},
            },
        ),
    ),
    "all that is rare, many averages": (
        "digits",
        merge(
            CLASSES,
            {
                "model": {"block": "convnext", "linear_attention_levels": (0,)},
                "diffusion": {
                    "prediction": "v",
                    "variance": "learned",
                    "zero_terminal_snr": True,
                    "timestep_sampling": "stratified",
                },
                "train": {
                    "ema_more_decays": (0.5,),
                    "ema_lengths": (0.1, 0.2),
                    "ema_snapshot_every": 3,
                },
            },
        ),
    ),
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two folders of classes with 13 pictures each: no batch of 7 divides an epoch."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (folder / name).mkdir()
        for index in range(13):
            pixels = random.integers(0, 256, (9, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    return folder


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_lost_twice_and_told_another_lr_ends_the_same(pictures, tmp_path, variant):
    """Lost at step 5 before the checkpoint of 6, with the lr changed at 4; and at 8, after another change at 7."""
    preset, overrides = VARIANTS[variant]
    config = config_for(str(pictures), preset, merge(SMALL, overrides))
    tells = {4: [SetLearningRate(2e-3)], 7: [SetLearningRate(5e-4)]}
    whole, parts = (create_run(tmp_path, name, config) for name in ("whole", "parts"))
    train(whole, tells)
    train(parts, tells, until=5)
    assert [checkpoint.step for checkpoint in parts.checkpoints()] == [3]
    resume(parts, tells, until=8)
    assert [checkpoint.step for checkpoint in parts.checkpoints()] == [3, 6]
    resume(parts, tells)
    same_end(whole, parts)
    assert [change.step for change in whole.config().changes] == [4, 7]


def test_a_preview_that_a_stop_left_unfinished_is_drawn_by_whoever_resumes(pictures, tmp_path):
    config = config_for(str(pictures), "digits", merge(SMALL, {"previews": {"raw": True}}))
    whole, parts = (create_run(tmp_path, name, config) for name in ("whole", "parts"))
    train(whole, {})
    commands = []
    for event in train_run(parts, data_root=tmp_path, take_commands=lambda: commands):
        if isinstance(event, PreviewProgress):
            commands.append("stop")
    assert (parts.status().state, parts.status().step, parts.previews()) == ("stopped", 4, [])
    events = train(parts, {}, checkpoint=find_checkpoint(parts.checkpoints_path, None))
    assert [event.step for event in events if isinstance(event, PreviewDrawn)] == [4, 4, 8, 8, 10, 10]
    same_end(whole, parts)
