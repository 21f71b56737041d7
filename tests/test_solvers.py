"""The samplers of second order, step by step against diffusers' schedulers in float64."""

import numpy as np
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, HeunDiscreteScheduler
from diffusers_exact import exact, in_float64, with_exact_sigmas
from sampler_cases import ENDS_IN_NOISE, GRID, implied_eps
from sampler_laws import CORRELATED, Tape, denoiser_of, start

from ddpm import samplers, schedules, solvers
from ddpm.denoisers import clipped


def ratio(schedule, t):
    return (1 / schedule.alpha_bar_before(t) - 1) ** 0.5


FORMS = pytest.mark.parametrize(("eta", "algorithm"), [(0.0, "dpmsolver++"), (1.0, "sde-dpmsolver++")])


def dpm_solver_of_diffusers(schedule, algorithm, prediction_type, visited):
    options = {
        "algorithm_type": algorithm,
        "final_sigmas_type": "zero",
        "prediction_type": prediction_type,
    }
    return with_exact_sigmas(exact(DPMSolverMultistepScheduler, schedule, **options), schedule, visited)


@pytest.mark.parametrize("case", GRID, ids=str)
@FORMS
def test_dpm_solver_2m_is_that_of_diffusers(case, eta, algorithm, monkeypatch):
    schedule, visited, x, tape = case.schedule, case.visited, start(), Tape(3)
    in_float64(monkeypatch, DPMSolverMultistepScheduler, tape)
    tell, prediction_type = case.told()
    reference = dpm_solver_of_diffusers(schedule, algorithm, prediction_type, visited)
    steps = solvers.dpm_solver_2m(case.denoiser, schedule, x, visited, Tape(3), eta=eta)
    for step, t in zip(steps, visited, strict=True):
        x = reference.step(tell(x, t), reference.timesteps[step.step - 1], x).prev_sample
        np.testing.assert_allclose(step.x_t, x, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("case", ENDS_IN_NOISE, ids=str)
@FORMS
def test_dpm_solver_2m_from_pure_noise_is_its_limit_and_from_there_that_of_diffusers(
    case, eta, algorithm, monkeypatch
):
    """diffusers puts alpha_bar = 2^-24 for 0, as it divides by alpha; its first two steps depend on that choice.

    With alpha_bar to 0 the first step of first order is alpha x_0 + sigma x_T, or fresh noise for x_T, and the
    extrapolation of the second step, over an infinite log(1 / ratio), vanishes: diffusers starts anew there.
    """
    schedule, visited = case.schedule, case.visited
    steps = solvers.dpm_solver_2m(case.denoiser, schedule, start(), visited, Tape(3), eta=eta)
    first, tape = next(steps), Tape(3)
    alpha_bar = schedule.alpha_bar_before(visited[1])
    x_0 = case.denoiser(start(), torch.full((2,), visited[0]))
    noise = tape() if eta else start()
    x = alpha_bar**0.5 * x_0 + (1 - alpha_bar) ** 0.5 * noise
    np.testing.assert_allclose(first.x_t, x, rtol=1e-12, atol=1e-12)

    in_float64(monkeypatch, DPMSolverMultistepScheduler, tape)
    tell, prediction_type = case.told()
    reference = dpm_solver_of_diffusers(schedule, algorithm, prediction_type, visited[1:])
    for step, t in zip(steps, visited[1:], strict=True):
        x = reference.step(tell(x, t), reference.timesteps[step.step - 2], x).prev_sample
        np.testing.assert_allclose(step.x_t, x, rtol=1e-7, atol=1e-7)


def test_dpm_solver_starts_where_the_noise_is_though_diffusers_may_clip_that_away():
    """diffusers cuts the timesteps off where log(alpha / sigma) is below -5.1, as it advises for cosine."""
    reference = DPMSolverMultistepScheduler(
        1000, beta_schedule="squaredcos_cap_v2", lambda_min_clipped=-5.1, timestep_spacing="trailing"
    )
    reference.set_timesteps(10)
    schedule, image = schedules.cosine(1000), start(8).clamp(-1, 1)
    assert int(reference.timesteps[0]) < 999
    visited = schedules.timesteps(1000, 10)
    assert visited[0] == 999
    *_, last = solvers.dpm_solver_2m(lambda x_t, t: image, schedule, start(), visited, Tape(1))
    np.testing.assert_allclose(last.x_t, image, atol=1e-12)


@pytest.mark.parametrize("case", GRID, ids=str)
def test_heun_is_that_of_diffusers_over_steps_that_are_not_too_long(case, monkeypatch):
    schedule, visited, compared = case.schedule, case.visited, 0
    in_float64(monkeypatch, HeunDiscreteScheduler, None)
    tell, prediction_type = case.told()
    x = start()
    steps = solvers.heun(case.denoiser, schedule, x, visited, Tape(1))
    for step, (t, t_prev) in zip(steps, samplers.pairs(visited), strict=True):
        if t_prev < 0 or ratio(schedule, t) <= solvers.LONGEST_HEUN_STEP * ratio(schedule, t_prev):
            theirs = heun_step_of_diffusers(tell, prediction_type, schedule, x, t, t_prev)
            np.testing.assert_allclose(step.x_t, theirs, rtol=1e-8, atol=1e-8)
            compared += 1
        x = step.x_t
    assert 2 * compared >= case.n


def heun_step_of_diffusers(tell, prediction_type, schedule, x_t, t, t_prev):
    """Its two halves, which it takes in x / alpha."""
    reference = exact(HeunDiscreteScheduler, schedule, prediction_type=prediction_type)
    two = [t] if t_prev < 0 else [t, t_prev]
    reference.set_timesteps(len(two))
    levels = [ratio(schedule, at) for at in (t, t_prev, t_prev, -1)]
    reference.sigmas = torch.tensor(levels if t_prev >= 0 else levels[:2], dtype=torch.float64)
    reference.timesteps = torch.tensor([t, t_prev, t_prev] if t_prev >= 0 else [t], dtype=torch.float64)
    for index, at in enumerate(two):
        alpha_bar = schedule.alpha_bar_before(at)
        moved = reference.step(tell(x_t, at), reference.timesteps[index], x_t / alpha_bar**0.5).prev_sample
        x_t = moved * schedule.alpha_bar_before(t_prev) ** 0.5
    return x_t


def test_over_a_step_that_is_too_long_heun_does_better_without_the_correction_that_diffusers_makes():
    """Cosine, 999 to 949 of T = 1000: sigma / alpha falls from 20,000 to 12. The truth is known for Gaussian data."""
    schedule = schedules.cosine(1000)
    denoiser = CORRELATED.denoiser(schedule)
    x = torch.randn(2, 1, 1, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours = next(solvers.heun(denoiser, schedule, x, [999, 949], Tape(1))).x_t
    theirs = heun_step_of_diffusers(implied_eps(denoiser, schedule), "epsilon", schedule, x, 999, 949)
    truth = CORRELATED.flow(schedule, x, 999, 949)
    assert float((ours - truth).abs().max()) < 0.02
    assert float((theirs - truth).abs().max()) > 1


def test_heun_asks_twice_a_step_but_once_on_the_last():
    asked = []

    def counting(x_t, t):
        asked.append(int(t[0]))
        return torch.zeros_like(x_t)

    schedule = schedules.linear(1000)
    list(solvers.heun(counting, schedule, start(), [999, 799, 599, 19], Tape(1)))
    assert asked == [999, 799, 799, 599, 599, 19]  # 599 to 19 is too long a step, 19 the last


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_dpm_solver_goes_on_exactly_when_it_is_told_the_step_before(eta):
    schedule = schedules.linear(60)
    visited, denoiser = schedules.timesteps(60, 12), clipped(denoiser_of(schedule))
    whole = list(solvers.dpm_solver_2m(denoiser, schedule, start(), visited, Tape(5), eta=eta))
    tape = Tape(5)
    begun = solvers.dpm_solver_2m(denoiser, schedule, start(), visited, tape, eta=eta)
    for _ in range(5):
        half = next(begun)
    previous = (visited[4], half.x_0)
    rest = solvers.dpm_solver_2m(denoiser, schedule, half.x_t, visited[5:], tape, eta=eta, previous=previous)
    for ours, theirs in zip(rest, whole[5:], strict=True):
        assert torch.equal(ours.x_t, theirs.x_t)


def test_dpm_solver_starts_anew_with_ddim_when_it_is_not_told():
    schedule = schedules.linear(60)
    denoiser = clipped(denoiser_of(schedule))
    one = next(solvers.dpm_solver_2m(denoiser, schedule, start(), [40, 20], Tape(1)))
    other = next(samplers.ddim(denoiser, schedule, start(), [40, 20], Tape(1)))
    np.testing.assert_allclose(one.x_t, other.x_t, rtol=1e-12, atol=1e-12)


def test_the_finished_image_holds_no_noise_though_diffusers_can_leave_some():
    """With final_sigmas_type "sigma_min" diffusers goes to the noise of t = 0 rather than to the clean image."""
    schedule, image = schedules.linear(100), start(8).clamp(-1, 1)
    reference = exact(DPMSolverMultistepScheduler, schedule, final_sigmas_type="sigma_min")
    reference.set_timesteps(10)
    x = noise = start()
    for t in reference.timesteps:
        alpha_bar = schedule.alpha_bar[t]
        x = reference.step((x - alpha_bar.sqrt() * image) / (1 - alpha_bar).sqrt(), t, x).prev_sample
    assert float((x - image).abs().max()) > 0.01
    visited = schedules.timesteps(100, 10)
    *_, last = solvers.dpm_solver_2m(lambda x_t, t: image, schedule, noise, visited, None)
    np.testing.assert_allclose(last.x_t, image, atol=1e-12)
