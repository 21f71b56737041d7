"""The samplers of first order against diffusers' schedulers, step by step with the same noises, in float64."""

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMInverseScheduler,
    DDIMScheduler,
    DDPMScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
)
from diffusers_exact import exact, in_float64, with_exact_sigmas
from hypothesis import given, settings
from hypothesis import strategies as st
from sampler_cases import ENDS_IN_NOISE, GRID, SCHEDULES, implied_eps, raw_output
from sampler_laws import SHAPE, Tape, denoiser_of, start

from ddpm import diffusion, samplers, schedules, solvers
from ddpm.config import DiffusionConfig
from ddpm.denoisers import clipped

ONE_STEP = {
    "ddpm": samplers.ddpm,
    "ddim": samplers.ddim,
    "euler": samplers.euler,
    "euler-ancestral": samplers.euler_ancestral,
    "heun": solvers.heun,
}
EVERY = {**ONE_STEP, "dpm++2m": solvers.dpm_solver_2m}


@pytest.mark.parametrize("case", GRID + ENDS_IN_NOISE, ids=str)
@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_ddim_is_that_of_diffusers(case, eta):
    schedule, visited = case.schedule, case.visited
    reference = exact(DDIMScheduler, schedule, **case.clips)
    reference.set_timesteps(case.n)
    assert reference.timesteps.tolist() == visited
    tape, x = Tape(1), start()
    steps = samplers.ddim(case.denoiser, schedule, x, visited, Tape(1), eta=eta)
    for step, t in zip(steps, visited, strict=True):
        # The direction is taken from the clipped x_0, which diffusers calls use_clipped_model_output.
        noise = tape() if eta and t != visited[-1] else torch.zeros(SHAPE, dtype=torch.float64)
        out = reference.step(
            raw_output(x, t), t, x, eta=eta, use_clipped_model_output=True, variance_noise=noise
        )
        np.testing.assert_allclose(step.x_0, out.pred_original_sample, rtol=1e-9, atol=1e-9)
        if eta == 1 and case.zero_terminal_snr and t == visited[0]:
            # Nothing is left of x_T but the root of a rounding error, which diffusers may take of less than 0.
            alpha_bar = schedule.alpha_bar_before(visited[1])
            expected = alpha_bar**0.5 * out.pred_original_sample + (1 - alpha_bar) ** 0.5 * noise
            np.testing.assert_allclose(step.x_t, expected, atol=1e-6)
        else:
            np.testing.assert_allclose(step.x_t, out.prev_sample, rtol=1e-9, atol=1e-9)
        x = step.x_t
    assert step.step == case.n


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("T", [1, 12, 1000])
def test_the_tables_are_those_that_diffusers_makes_of_our_betas(name, T):
    """Its own arithmetic is in float32, and so the other tests lend it our tables."""
    schedule = schedules.build(DiffusionConfig(T=T, schedule=name))
    reference = DDIMScheduler(T, trained_betas=schedule.beta.tolist())
    np.testing.assert_allclose(reference.alphas_cumprod, schedule.alpha_bar, rtol=2e-4)
    if T > 1:
        ends_in_noise = schedules.with_zero_terminal_snr(schedule)
        reference = DDIMScheduler(T, trained_betas=schedule.beta.tolist(), rescale_betas_zero_snr=True)
        np.testing.assert_allclose(reference.alphas_cumprod, ends_in_noise.alpha_bar, rtol=2e-4, atol=1e-7)
        assert float(reference.alphas_cumprod[-1]) == 0


def test_with_other_spacings_ddim_takes_its_predecessor_from_the_list_where_diffusers_takes_a_stride():
    """4 of T = 1000 by "linspace": 999, 666, 333, 0; diffusers goes from 999 to 999 - 1000 // 4 and asks at 666."""
    schedule = schedules.cosine(1000)
    reference = DDIMScheduler(1000, timestep_spacing="linspace", clip_sample=False, set_alpha_to_one=True)
    reference.alphas_cumprod = schedule.alpha_bar
    reference.set_timesteps(4)
    visited = schedules.timesteps(1000, 4, "linspace")
    assert reference.timesteps.tolist() == visited == [999, 666, 333, 0]
    noise, image = start(), start(8)
    x_t = diffusion.q_sample(schedule, image, torch.full((2,), 999), noise)
    first = next(samplers.ddim(lambda x_t, t: image, schedule, x_t, visited, Tape(1)))
    expected = diffusion.q_sample(schedule, image, torch.full((2,), 666), noise)
    np.testing.assert_allclose(first.x_t, expected, atol=1e-12)
    theirs = reference.step(noise, 999, x_t).prev_sample
    assert float((theirs - expected).abs().max()) > 0.1


@pytest.mark.parametrize("case", GRID + ENDS_IN_NOISE, ids=str)
@pytest.mark.parametrize(("variance", "theirs"), [("posterior", "fixed_small"), ("beta", "fixed_large")])
def test_ddpm_is_that_of_diffusers(case, variance, theirs, monkeypatch):
    schedule, visited = case.schedule, case.visited
    reference = exact(DDPMScheduler, schedule, variance_type=theirs, **case.clips)
    reference.set_timesteps(case.n)
    tape, x = Tape(2), start()
    in_float64(monkeypatch, DDPMScheduler, tape)
    sampled = samplers.ddpm(case.denoiser, schedule, x, visited, Tape(2), variance=variance)
    for step, t in zip(sampled, visited, strict=True):
        out = reference.step(raw_output(x, t), t, x)
        np.testing.assert_allclose(step.x_0, out.pred_original_sample, rtol=1e-9, atol=1e-9)
        if variance == "beta" and case.n < case.T and t == visited[-1]:
            # diffusers looks at t > 0 rather than at the last step, and leaves noise in the finished image.
            np.testing.assert_allclose(step.x_t, step.x_0, rtol=1e-9, atol=1e-9)
        else:
            np.testing.assert_allclose(step.x_t, out.prev_sample, rtol=1e-7, atol=1e-9)
        x = out.prev_sample
    assert step.step == case.n


@pytest.mark.parametrize("case", GRID + ENDS_IN_NOISE, ids=str)
def test_ddpm_with_a_learned_variance_is_that_of_diffusers(case, monkeypatch):
    schedule, visited = case.schedule, case.visited
    reference = exact(DDPMScheduler, schedule, variance_type="learned_range", **case.clips)
    reference.set_timesteps(case.n)
    raw_fraction = torch.tanh(start(7))
    tape, x = Tape(2), start()
    in_float64(monkeypatch, DDPMScheduler, tape)
    denoiser = case.denoiser
    sampled = samplers.ddpm_learned(
        lambda x_t, t: (denoiser(x_t, t), (raw_fraction + 1) / 2), schedule, x, visited, Tape(2)
    )
    for step, t in zip(sampled, visited, strict=True):
        out = reference.step(torch.cat([raw_output(x, t), raw_fraction], dim=1), t, x)
        np.testing.assert_allclose(step.x_0, out.pred_original_sample, rtol=1e-9, atol=1e-9)
        if t == visited[-1]:
            # As above: with fewer steps than T, diffusers leaves noise in the finished image.
            np.testing.assert_allclose(step.x_t, step.x_0, rtol=1e-9, atol=1e-9)
            break
        # diffusers takes the beta of the single step t for the upper end, not that of the longer step; the
        # Improved DDPM paper derives both from the shorter list (eq. 19).
        if case.n == case.T:
            np.testing.assert_allclose(step.x_t, out.prev_sample, rtol=1e-7, atol=1e-9)
        x = step.x_t


@pytest.mark.parametrize("case", GRID, ids=str)
@pytest.mark.parametrize(
    ("sampler", "theirs", "converts"),
    [
        (samplers.euler, EulerDiscreteScheduler, ("eps", "x_0", "v")),
        # It raises NotImplementedError for a network that predicts x_0.
        (samplers.euler_ancestral, EulerAncestralDiscreteScheduler, ("eps", "v")),
    ],
)
def test_euler_with_and_without_noise_is_that_of_diffusers(case, sampler, theirs, converts, monkeypatch):
    """Not where alpha_bar ends at 0, since it divides by alpha; the laws below hold there."""
    schedule, visited, x, tape = case.schedule, case.visited, start(), Tape(3)
    in_float64(monkeypatch, theirs, tape)
    tell, prediction_type = case.told(converts)
    reference = exact(theirs, schedule, prediction_type=prediction_type)
    reference = with_exact_sigmas(reference, schedule, visited)
    for step, (t, t_prev) in zip(
        sampler(case.denoiser, schedule, x, visited, Tape(3)), samplers.pairs(visited), strict=True
    ):
        alpha, alpha_prev = schedule.alpha_bar_before(t) ** 0.5, schedule.alpha_bar_before(t_prev) ** 0.5
        out = reference.step(tell(x, t), reference.timesteps[step.step - 1], x / alpha)
        np.testing.assert_allclose(step.x_t, alpha_prev * out.prev_sample, rtol=1e-8, atol=1e-8)
        x = step.x_t


@pytest.mark.parametrize("case", GRID, ids=str)
def test_ddim_inversion_is_that_of_diffusers(case):
    schedule, visited, x = case.schedule, case.visited, start().clamp(-1, 1)
    reference = exact(DDIMInverseScheduler, schedule, clip_sample=False)
    reference.set_timesteps(case.n)
    assert reference.timesteps.tolist() == visited[::-1]
    # diffusers clips, and converts x_0 and v, at the noise level of the image before, though the network was asked
    # about t; so the eps of t is told to it.
    tell = implied_eps(case.denoiser, schedule)
    for step, t in zip(
        samplers.ddim_inversion(case.denoiser, schedule, x, visited), reversed(visited), strict=True
    ):
        theirs = reference.step(tell(x, t), t, x).prev_sample
        np.testing.assert_allclose(step.x_t, theirs, rtol=1e-9, atol=1e-9)
        x = theirs


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.data(), st.sampled_from(["linear", "quadratic", "cosine", "sigmoid"]))
def test_ddim_with_all_the_noise_is_ddpm_with_the_variance_of_the_posterior(T, data, name):
    schedule = schedules.build(DiffusionConfig(T=T, schedule=name))
    visited = schedules.timesteps(T, data.draw(st.integers(1, T)))
    denoiser = clipped(denoiser_of(schedule))
    a = list(samplers.ddim(denoiser, schedule, start(), visited, Tape(3), eta=1.0))
    b = list(samplers.ddpm(denoiser, schedule, start(), visited, Tape(3)))
    for ours, theirs in zip(a, b, strict=True):
        # Where all but nothing of x_t is kept, its share is the root of a rounding error, some 1e-8.
        np.testing.assert_allclose(ours.x_t, theirs.x_t, rtol=1e-8, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(2, 300).flatmap(lambda T: st.tuples(st.just(T), st.integers(1, T))),
    st.sampled_from(["trailing", "leading", "linspace"]),
    st.booleans(),
)
def test_a_perfect_denoiser_of_one_image_finds_it_with_any_number_of_steps(T_and_n, spacing, ends_in_noise):
    T, n = T_and_n
    schedule = schedules.cosine(T)
    if ends_in_noise:
        schedule = schedules.with_zero_terminal_snr(schedule)
    image = start().clamp(-1, 1)

    visited = schedules.timesteps(T, n, spacing)
    for name, sampler in EVERY.items():
        *_, last = sampler(lambda x_t, t: image, schedule, start() * 2, visited, Tape(4))
        np.testing.assert_allclose(last.x_t, image, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("name", EVERY)
def test_stopping_early_asks_the_network_no_further(name):
    asked = []

    def counting(x_t, t):
        asked.append(int(t[0]))
        return torch.zeros_like(x_t)

    visited = schedules.timesteps(1000, 5)
    steps = EVERY[name](counting, schedules.linear(1000), start(), visited, Tape(1))
    assert next(steps).step == 1
    assert next(steps).step == 2
    steps.close()
    assert asked == ([999, 799, 799, 599] if name == "heun" else [999, 799])


@pytest.mark.parametrize("name", ONE_STEP)
def test_a_drawing_goes_on_from_a_step_and_the_timesteps_that_are_left(name):
    schedule = schedules.linear(60)
    visited, denoiser = schedules.timesteps(60, 12), clipped(denoiser_of(schedule))
    tape = Tape(5)
    whole = list(ONE_STEP[name](denoiser, schedule, start(), visited, tape))
    tape = Tape(5)
    begun = ONE_STEP[name](denoiser, schedule, start(), visited, tape)
    for _ in range(5):
        half = next(begun)
    rest = list(ONE_STEP[name](denoiser, schedule, half.x_t, visited[5:], tape))
    assert [step.step for step in rest] == [1, 2, 3, 4, 5, 6, 7]
    for ours, theirs in zip(rest, whole[5:], strict=True):
        assert torch.equal(ours.x_t, theirs.x_t)


@pytest.mark.parametrize("timesteps", [[5, 5], [3, 4], [2, -1], [-1]])
def test_timesteps_that_do_not_fall_to_0_or_above_are_refused(timesteps):
    with pytest.raises(ValueError, match="fall strictly"):
        samplers.pairs(timesteps)
