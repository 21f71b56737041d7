"""Schedules and spacing, against diffusers and closed forms, in float64."""

import math
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr
from hypothesis import given
from hypothesis import strategies as st

from ddpm import schedules
from ddpm.config import Config, DiffusionConfig
from ddpm.config_values import ScheduleName, Spacing
from ddpm.errors import ConfigError

SCHEDULES = get_args(ScheduleName)
SPACINGS = get_args(Spacing)
T_AND_N = st.integers(1, 2000).flatmap(lambda T: st.tuples(st.just(T), st.integers(1, T)))


# diffusers computes 1 - beta in float32, whose step below 1 is 6e-8; products over T steps add that up.
ROUNDING = {"rtol": 2e-5, "atol": 2.5e-7}


def of_diffusers(name, T):
    """The schedule of diffusers that ours should equal. It does not scale betas with T, so it is told to."""
    if name == "cosine":
        return DDPMScheduler(T, beta_schedule="squaredcos_cap_v2")
    start, end = (beta * 1000 / T for beta in DiffusionConfig(schedule=name).beta_ends)
    theirs = "linear" if name == "linear" else "scaled_linear"
    return DDPMScheduler(T, beta_schedule=theirs, beta_start=start, beta_end=end)


@pytest.mark.parametrize("name", ["linear", "scaled-linear", "quadratic", "cosine"])
@pytest.mark.parametrize("T", [25, 100, 1000, 4000])
def test_betas_are_those_of_diffusers(name, T):
    ours, reference = schedules.build(DiffusionConfig(schedule=name, T=T)), of_diffusers(name, T)
    np.testing.assert_allclose(ours.beta, reference.betas, **ROUNDING)
    np.testing.assert_allclose(ours.alpha_bar.log(), reference.alphas_cumprod.log(), rtol=2e-5, atol=T * 1e-7)


def test_scaled_linear_has_the_ends_of_latent_diffusion():
    root = schedules.build(DiffusionConfig(schedule="scaled-linear")).beta.sqrt()
    np.testing.assert_allclose(root, np.linspace(0.00085**0.5, 0.012**0.5, 1000), rtol=1e-12)


def test_the_sigmoid_of_diffusers_is_another_schedule():
    """Theirs (GeoDiff's) puts the betas on a sigmoid, ours (Jabri et al.'s) alpha_bar, as papers on images do."""
    theirs = DDPMScheduler(1000, beta_schedule="sigmoid").alphas_cumprod
    ours = schedules.sigmoid(1000).alpha_bar
    assert float(ours[250] + ours[749]) == pytest.approx(1, abs=0.01)
    assert float(theirs[750]) < 0.01 < 0.1 < float(ours[750])


def test_betas_of_diffusers_are_no_schedule_for_few_steps():
    """Its linear betas are the same for every T: ten steps leave 95 % of the image, and scaled ones pass 1."""
    assert float(DDPMScheduler(10, beta_schedule="linear").alphas_cumprod[-1]) > 0.9
    assert float(of_diffusers("linear", 10).betas[-1]) > 1
    assert float(schedules.linear(10).alpha_bar[-1]) < 1e-4


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


@given(st.sampled_from(SCHEDULES), st.integers(1, 100))
def test_few_steps_end_in_noise(name, T):
    # Latent diffusion's ends leave 0.5 % at T = 1000.
    assert float(schedules.build(DiffusionConfig(schedule=name, T=T)).alpha_bar[-1]) < 0.01


@given(st.integers(50, 3000))
def test_linear_destroys_the_image_about_equally_at_every_T(T):
    # The integral of beta over time is 10.05 at the paper's ends whatever T is; rounding in steps takes little off.
    assert -12 < float(schedules.linear(T).alpha_bar[-1].log()) < -9


@pytest.mark.parametrize("beta", [[0.1, 0.0], [1.0, 0.1], [0.1, 1.5], [0.5, float("nan")], [-0.1]])
def test_a_beta_outside_0_and_1_is_named(beta):
    with pytest.raises(ConfigError, match=r"beta\[\d\]"):
        schedules.from_betas(torch.tensor(beta))


def test_a_schedule_that_leaves_nothing_of_the_image_is_refused():
    with pytest.raises(ConfigError, match="alpha_bar"):
        schedules.build(DiffusionConfig(schedule="linear", T=1000, beta_start=0.9, beta_end=0.99))


@pytest.mark.parametrize("name", ["linear", "scaled-linear", "quadratic", "cosine"])
@pytest.mark.parametrize("T", [25, 100, 1000])
def test_zero_terminal_snr_is_that_of_diffusers(name, T):
    config = DiffusionConfig(schedule=name, T=T, zero_terminal_snr=True, prediction="v")
    ours = schedules.build(config)
    plain = schedules.build(DiffusionConfig(schedule=name, T=T))
    # Their algorithm alone, which takes the type of its betas.
    np.testing.assert_allclose(ours.beta, rescale_zero_terminal_snr(plain.beta), rtol=1e-9, atol=1e-14)
    assert float(ours.alpha_bar[-1]) == 0


@given(st.sampled_from(SCHEDULES), st.integers(1, 3000))
def test_zero_terminal_snr_moves_the_last_step_and_keeps_the_first(name, T):
    before = schedules.build(DiffusionConfig(schedule=name, T=T))
    after = schedules.with_zero_terminal_snr(before)
    assert float(after.alpha_bar[-1]) == 0
    assert float(after.beta[-1]) == 1
    assert float(after.snr[-1]) == 0
    assert bool((after.beta[:-1] > 0).all() and (after.beta[:-1] < 1).all())
    if T > 1:
        assert float(after.alpha_bar[0]) == pytest.approx(float(before.alpha_bar[0]), rel=1e-12)
        # The root of alpha_bar is the old one on another straight scale.
        stretch = np.polyfit(before.alpha_bar.sqrt(), after.alpha_bar.sqrt(), 1)
        np.testing.assert_allclose(
            np.polyval(stretch, before.alpha_bar.sqrt()), after.alpha_bar.sqrt(), atol=1e-9
        )


def test_zero_terminal_snr_is_refused_where_eps_is_predicted():
    with pytest.raises(ConfigError, match=r"zero_terminal_snr.*eps.*pure noise.*x_0 or v"):
        Config().with_values({"diffusion": {"zero_terminal_snr": True, "prediction": "eps"}})


@given(T_AND_N, st.sampled_from(SPACINGS))
def test_every_spacing_has_n_strictly_falling_steps(T_and_n, spacing):
    T, n = T_and_n
    visited = schedules.timesteps(T, n, spacing)
    assert len(visited) == n
    assert visited[0] < T
    assert visited[-1] >= 0
    assert all(later < earlier for earlier, later in pairwise(visited))
    if spacing in ("trailing", "linspace"):
        assert visited[0] == T - 1
    if spacing == "leading" or (spacing == "linspace" and n > 1):
        assert visited[-1] == 0


@pytest.mark.parametrize(("T", "n"), [(1000, 1000), (1000, 50), (1000, 8), (100, 10), (12, 4), (50, 2)])
@pytest.mark.parametrize("spacing", SPACINGS)
def test_spacings_are_those_of_diffusers_where_n_divides_T(T, n, spacing):
    reference = DDIMScheduler(T, timestep_spacing=spacing)
    reference.set_timesteps(n)
    assert schedules.timesteps(T, n, spacing) == reference.timesteps.tolist()


@given(T_AND_N)
def test_linspace_is_that_of_diffusers_but_for_rounded_halves(T_and_n):
    T, n = T_and_n
    reference = DDIMScheduler(T, timestep_spacing="linspace")
    reference.set_timesteps(n)
    exact = np.linspace(T - 1, 0, n) if n > 1 else np.array([T - 1])
    ours = np.array(schedules.timesteps(T, n, "linspace"))
    assert np.abs(ours - exact).max() <= 0.5 + 1e-9
    if n > 1:
        away_from_halves = np.abs(exact % 1 - 0.5) > 1e-6
        np.testing.assert_array_equal(ours[away_from_halves], reference.timesteps.numpy()[away_from_halves])
    else:
        # Theirs looks at t = 0 only, and takes pure noise for an image that is all but clean.
        assert reference.timesteps.tolist() == [0]


def test_spacings_of_diffusers_go_wrong_where_n_does_not_divide_T():
    trailing = DDIMScheduler(300, timestep_spacing="trailing")
    counts = {}
    for n in range(1, 301):
        trailing.set_timesteps(n)
        counts[n] = len(trailing.timesteps) - n
    # arange adds a step, which leads to t = -1.
    assert any(surplus == 1 for surplus in counts.values())
    leading = DDIMScheduler(1000, timestep_spacing="leading")
    leading.set_timesteps(600)
    # Its stride is rounded down, so that the noisier 40 % are never seen.
    assert int(leading.timesteps[0]) == 599
    assert schedules.timesteps(1000, 600, "leading")[0] == 998


@pytest.mark.parametrize("spacing", SPACINGS)
def test_spacing_over_all_steps_is_every_step(spacing):
    assert schedules.timesteps(7, 7, spacing) == [6, 5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize("n", [0, 11])
def test_impossible_numbers_of_steps_are_refused(n):
    with pytest.raises(ConfigError, match=f"{n} denoising steps.*T = 10"):
        schedules.timesteps(10, n)


def test_a_schedule_that_float32_takes_for_pure_noise_is_refused():
    with pytest.raises(ConfigError, match=r"falls to 4\.92e-134 over T = 1000 steps, too little"):
        schedules.linear(1000, 1e-4, 0.5)
