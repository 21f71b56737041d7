"""Power-function averages, and averages of other lengths made after training (Karras et al. 2024)."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate
from torch import nn

from ddpm.averaging import (
    LONGEST,
    Profile,
    coefficients,
    exponent_of,
    length_of,
    overlap,
    reconstruct,
    relative_error,
)
from ddpm.checkpoint import find_checkpoint
from ddpm.config import Config, merge
from ddpm.ema import PowerFunctionAverage, build_averages
from ddpm.errors import CheckpointError, ConfigError
from ddpm.generate import draw, load_network
from ddpm.runs_root import create_run
from ddpm.sample_config import SampleConfig
from ddpm.session import train_run

STEPS = 4000


def profile(tau: float, of: Profile) -> float:
    return (of.exponent + 1) * tau**of.exponent / of.step ** (of.exponent + 1)


@given(st.floats(0.005, 0.285))
def test_length_and_exponent_are_each_others_inverse(length):
    assert length_of(exponent_of(length)) == pytest.approx(length, rel=1e-9)


def test_the_lengths_of_the_paper_have_its_exponents():
    # Section 3.1 gives gamma = 16.97 for 5 % and 6.94 for 10 %.
    assert exponent_of(0.05) == pytest.approx(16.97, abs=0.005)
    assert exponent_of(0.10) == pytest.approx(6.94, abs=0.005)


@pytest.mark.parametrize("length", [0.0, -0.1, LONGEST, 1.0, math.nan])
def test_what_is_no_length_is_refused(length):
    with pytest.raises(ValueError, match=r"a share of the run between 0 and 0\.289"):
        exponent_of(length)


@given(st.integers(1, 400), st.integers(1, 400), st.floats(0, 30), st.floats(0, 30))
def test_overlap_is_the_integral_of_the_product(step_a, step_b, exponent_a, exponent_b):
    a, b = Profile(step_a, exponent_a), Profile(step_b, exponent_b)
    by_hand, _ = integrate.quad(
        lambda tau: profile(tau, a) * profile(tau, b), 0, min(step_a, step_b), limit=200
    )
    assert overlap(a, b) == pytest.approx(by_hand, rel=1e-6)
    assert overlap(a, b) == pytest.approx(overlap(b, a), rel=1e-12)


def test_the_random_start_counts_nothing_and_recent_weights_most():
    network = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(1e6)
    average = PowerFunctionAverage(network, 0.1)
    for step in range(1, 101):
        with torch.no_grad():
            network.weight.fill_(step)
        average.update(step)
    exponent = exponent_of(0.1)
    # The mean of the profile, for a weight that is its own step; discrete steps lie half a step after the integral.
    assert average.weights["weight"].item() == pytest.approx(
        100 * (exponent + 1) / (exponent + 2) + 0.5, abs=0.1
    )


def tracked(walk: np.ndarray, length: float) -> np.ndarray:
    """The average of ``length`` after every step of a walk, by the update that training does."""
    average, averages = np.zeros(walk.shape[1]), np.empty_like(walk)
    for step, weights in enumerate(walk, start=1):
        decay = (1 - 1 / step) ** (exponent_of(length) + 1)
        average = decay * average + (1 - decay) * weights
        averages[step - 1] = average
    return averages


@pytest.mark.parametrize(("every", "allowed"), [(500, 0.011), (250, 0.0013), (125, 0.0002)])
def test_an_average_nobody_tracked_is_made_from_snapshots(every, allowed):
    """Relative error over a drifting random walk, at lengths between and beyond those that were stored."""
    random = np.random.default_rng(0)
    drift = np.linspace(0, 5, STEPS)[:, None] * random.normal(size=50)
    walk = drift + 0.05 * random.normal(size=(STEPS, 50)).cumsum(axis=0)
    stored = {length: tracked(walk, length) for length in (0.05, 0.1)}
    places = [(step, length) for step in range(every, STEPS + 1, every) for length in stored]
    snapshots = np.array([stored[length][step - 1] for step, length in places])
    profiles = [Profile(step, exponent_of(length)) for step, length in places]
    for length in (0.03, 0.075, 0.15, 0.2):
        made = coefficients(profiles, Profile(STEPS, exponent_of(length))) @ snapshots
        true = tracked(walk, length)[-1]
        assert np.linalg.norm(made - true) < allowed * np.linalg.norm(true)
        # What a snapshot alone would be: far off, so the test can fail.
        assert np.linalg.norm(snapshots[-1] - true) > 0.02 * np.linalg.norm(true)


def test_a_run_stores_what_another_length_is_made_from(home):
    averages = {"ema_more_decays": (0.5,), "ema_lengths": (0.05, 0.1, 0.2), "ema_snapshot_every": 2}
    steps = {"steps": 40, "checkpoint_every": 20, "keep_checkpoints": 9}
    config = Config.build(merge(TINY, {"train": {**averages, **steps}, "previews": {"every": 0}}))
    run = create_run(home / "runs", "averaged", config)
    for _ in train_run(run, data_root=Path("unused"), take_commands=list):
        pass
    last = find_checkpoint(run.checkpoints_path, None)
    names = {path.stem for path in last.path.glob("*.safetensors")}
    assert names == {"model", "optimizer", "ema", "ema-0.5", "power-0.05", "power-0.1", "power-0.2"}
    assert sorted(int(path.name) for path in run.snapshots_path.iterdir()) == list(range(2, 41, 2))

    from safetensors.torch import load_file

    again = reconstruct(last, run.snapshots_path, 0.1)
    for name, tensor in load_file(last.path / "power-0.1.safetensors").items():
        torch.testing.assert_close(again[name], tensor, rtol=1e-4, atol=1e-5)
    between = reconstruct(last, run.snapshots_path, 0.15)
    assert any(not torch.equal(between[name], again[name]) for name in again)


def test_a_run_without_lengths_says_what_is_missing(home):
    config = Config.build(merge(TINY, {"train": {"steps": 2}, "previews": {"every": 0}}))
    run = create_run(home / "runs", "plain", config)
    for _ in train_run(run, data_root=Path("unused"), take_commands=list):
        pass
    with pytest.raises(
        CheckpointError, match=r"length 0\.1 cannot be made: .* trained with train\.ema_lengths"
    ):
        reconstruct(find_checkpoint(run.checkpoints_path, None), run.snapshots_path, 0.1)


def test_any_stored_or_made_average_can_be_drawn_from(command_line, home):
    averages = {"ema_more_decays": (0.3,), "ema_lengths": (0.05, 0.1), "ema_snapshot_every": 2}
    config = Config.build(
        merge(TINY, {"train": {**averages, "steps": 8, "lr": 0.05}, "previews": {"every": 0}})
    )
    run = create_run(home / "runs", "averaged", config)
    for _ in train_run(run, data_root=Path("unused"), take_commands=list):
        pass
    last = find_checkpoint(run.checkpoints_path, None)
    drawn = set()
    for weights in ("ema", "raw", "ema-0.3", "power-0.05", "post-hoc-0.08"):
        *_, drawing = draw(load_network(run, last, weights), SampleConfig(n=4, steps=5, weights=weights))
        drawn.add(drawing.x_t.numpy().tobytes())
    assert len(drawn) == 5
    missing = command_line("sample", "averaged", "--weights", "ema-0.9")
    assert missing.returncode == 2
    assert "no weights named ema-0.9" in missing.stderr
    assert "there are ema, raw, ema-0.3, power-0.05, power-0.1." in missing.stderr
    with pytest.raises(ValueError, match="'newest' is not allowed: it should be ema, raw, ema-DECAY"):
        SampleConfig(weights="newest")


def test_an_average_far_from_what_is_stored_is_refused(home):
    lengths = {"ema_lengths": (0.05,), "steps": 4, "checkpoint_every": 4}
    config = Config.build(merge(TINY, {"train": lengths, "previews": {"every": 0}}))
    run = create_run(home / "runs", "one", config)
    for _ in train_run(run, data_root=Path("unused"), take_commands=list):
        pass
    with pytest.raises(
        CheckpointError, match=r"length 0\.25 at step 4 would be off by 8\d%, .* of length 0\.05\. Choose"
    ):
        reconstruct(find_checkpoint(run.checkpoints_path, None), run.snapshots_path, 0.25)


@pytest.mark.parametrize("length", [0.03, 0.075, 0.2])
def test_the_stated_error_is_that_of_the_profile(length):
    stored = [Profile(step, exponent_of(stored)) for step in range(100, 1001, 100) for stored in (0.05, 0.1)]
    wanted = Profile(1000, exponent_of(length))
    factors = coefficients(stored, wanted)
    tau = np.linspace(0, 1000, 200_001)[1:]

    def values(of):
        return np.where(tau <= of.step, (of.exponent + 1) / of.step * (tau / of.step) ** of.exponent, 0)

    difference = sum(factor * values(of) for factor, of in zip(factors, stored, strict=True)) - values(wanted)
    by_hand = np.sqrt((difference**2).sum() / (values(wanted) ** 2).sum())
    assert relative_error(stored, factors, wanted) == pytest.approx(by_hand, rel=0.02)


def test_two_averages_never_share_a_name(home):
    with pytest.raises(ConfigError, match=r"train\.ema_lengths: 0\.1,0\.1 names one of them twice"):
        Config.build({"train": {"ema_lengths": "0.1,0.1"}})
    decays = Config.build({"train": {"ema_more_decays": "0.9999999,0.99999992"}}).train
    assert sorted(build_averages(decays, nn.Linear(1, 1))) == ["ema", "ema-0.9999999", "ema-0.99999992"]
