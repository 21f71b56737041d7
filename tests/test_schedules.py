"""Schedules and spacing, against diffusers and closed forms, in float64."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler
from hypothesis import given
from hypothesis import strategies as st

from ddpm import schedules
from ddpm.config import DiffusionConfig
from ddpm.errors import ConfigError

SCHEDULES = ["linear", "quadratic", "cosine", "sigmoid"]


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("linear", "linear"), ("quadratic", "scaled_linear"), ("cosine", "squaredcos_cap_v2")],
)
def test_betas_are_those_of_diffusers_at_the_papers_T(name, theirs):
    ours = schedules.build(DiffusionConfig(schedule=name))
    reference = DDPMScheduler(1000, beta_schedule=theirs)
    # diffusers keeps float32, so its rounding is the tolerance.
    np.testing.assert_allclose(ours.beta, reference.betas, rtol=2e-5)
    np.testing.assert_allclose(ours.alpha_bar, reference.alphas_cumprod, rtol=2e-4)


def test_cosine_follows_equation_17_but_for_the_cap():
    T = 400
    f = [math.cos((t / T + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(T + 1)]
    expected = np.array(f[1:-1]) / f[0]
    np.testing.assert_allclose(schedules.cosine(T).alpha_bar[:-1], expected, rtol=1e-12)


def test_sigmoid_runs_from_clean_to_noise_symmetrically():
    alpha_bar = schedules.sigmoid(1001).alpha_bar.numpy()
    u = np.arange(1, 1001) / 1001
    expected = (1 / (1 + np.exp(6 * u - 3)) - 1 / (1 + math.exp(3))) / (
        1 / (1 + math.exp(-3)) - 1 / (1 + math.exp(3))
    )
    np.testing.assert_allclose(alpha_bar[:-1], expected, rtol=1e-9)


@given(st.sampled_from(SCHEDULES), st.integers(1, 3000))
def test_every_T_gives_a_schedule(name, T):
    schedule = schedules.build(DiffusionConfig(schedule=name, T=T))
    assert schedule.T == T
    assert schedule.beta.dtype == schedule.alpha_bar.dtype == torch.float64
    assert bool(((schedule.beta > 0) & (schedule.beta < 1)).all())
    assert bool((schedule.alpha_bar.diff() < 0).all())
    assert 0 < float(schedule.alpha_bar[-1]) < 1
    snr = schedule.snr
    assert bool(snr.isfinite().all())
    np.testing.assert_allclose(snr / (1 + snr), schedule.alpha_bar, rtol=1e-9)


@given(st.integers(50, 3000))
def test_linear_destroys_the_image_about_equally_at_every_T(T):
    # The integral of beta over time is 10.05 at the paper's ends whatever T is; rounding in steps takes little off.
    assert -12 < float(schedules.linear(T).alpha_bar[-1].log()) < -9


@pytest.mark.parametrize("beta", [[0.1, 0.0], [0.1, 1.0], [0.5, float("nan")], [-0.1]])
def test_a_beta_outside_0_and_1_is_named(beta):
    with pytest.raises(ConfigError, match=r"beta\[\d\]"):
        schedules.from_betas(torch.tensor(beta))


def test_a_schedule_that_leaves_nothing_of_the_image_is_refused():
    with pytest.raises(ConfigError, match="alpha_bar"):
        schedules.build(DiffusionConfig(schedule="linear", T=1000, beta_start=0.9, beta_end=0.99))


@given(st.integers(1, 2000).flatmap(lambda T: st.tuples(st.just(T), st.integers(1, T))))
def test_spacing_has_n_strictly_falling_steps_from_the_last(T_and_n):
    T, n = T_and_n
    visited = schedules.timesteps(T, n)
    assert len(visited) == n
    assert visited[0] == T - 1
    assert visited[-1] >= 0
    assert all(later < earlier for earlier, later in pairwise(visited))


def test_spacing_over_all_steps_is_every_step():
    assert schedules.timesteps(7, 7) == [6, 5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize("n", [0, 11])
def test_impossible_numbers_of_steps_are_refused(n):
    with pytest.raises(ConfigError, match=f"{n} denoising steps.*T = 10"):
        schedules.timesteps(10, n)
