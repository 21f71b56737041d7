"""What samplers draw, in closed form: for Gaussian data and the best denoiser nothing has to be estimated."""

import math

import numpy as np
import pytest
import torch
from sampler_laws import CORRELATED, GaussianData, Tape, drawn_distribution, smooth_schedule

from ddpm import samplers, schedules, solvers

SAMPLERS = {
    "ddpm": samplers.ddpm,
    "ddpm, beta": lambda *arguments: samplers.ddpm(*arguments, variance="beta"),
    "ddim": samplers.ddim,
    "ddim, eta 0.5": lambda *arguments: samplers.ddim(*arguments, eta=0.5),
    "euler": samplers.euler,
    "euler-ancestral": samplers.euler_ancestral,
    "heun": solvers.heun,
    "dpm++2m": solvers.dpm_solver_2m,
    "dpm++2m-sde": lambda *arguments: solvers.dpm_solver_2m(*arguments, eta=1.0),
    "dpm++2m-sde, eta 0.5": lambda *arguments: solvers.dpm_solver_2m(*arguments, eta=0.5),
}
STANDARD = GaussianData(torch.zeros(3, dtype=torch.float64), torch.eye(3, dtype=torch.float64))


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("ends_in_noise", [False, True])
def test_gaussian_data_come_out_with_their_mean_and_covariance(name, ends_in_noise):
    schedule = smooth_schedule(3000, 0.999)
    if ends_in_noise:
        schedule = schedules.with_zero_terminal_snr(schedule)
    errors = []
    for n in (100, 300):
        visited = schedules.timesteps(3000, n)
        mean, covariance = drawn_distribution(
            SAMPLERS[name], CORRELATED.denoiser(schedule), schedule, visited, 3
        )
        off = (mean - CORRELATED.mean).abs().max(), (covariance - CORRELATED.covariance).abs().max()
        errors.append(float(max(off)))
    assert errors[1] < 0.01
    # x_T still holds 0.0016 of the image, which it is drawn without: below that more steps do not help.
    assert errors[1] < max(errors[0] / 2, 5e-4)


@pytest.mark.parametrize("n", [1, 2, 7, 50])
def test_for_standard_normal_data_the_variance_beta_is_exact_with_any_number_of_steps(n):
    """Ho et al. 2020, section 3.2. The last step adds no noise, so that its alpha_bar is what is left of 1."""
    schedule = schedules.linear(50)
    visited = schedules.timesteps(50, n)
    mean, covariance = drawn_distribution(
        SAMPLERS["ddpm, beta"], STANDARD.denoiser(schedule), schedule, visited, 3
    )
    np.testing.assert_allclose(mean, torch.zeros(3), atol=1e-12)
    np.testing.assert_allclose(covariance, schedule.alpha_bar[visited[-1]] * torch.eye(3), atol=1e-12)


@pytest.mark.parametrize("n", [2, 7, 50])
@pytest.mark.parametrize("ends_in_noise", [False, True])
def test_with_the_right_fraction_a_learned_variance_is_exact_with_any_number_of_steps(n, ends_in_noise):
    """The true variance of a step is the posterior's plus what x_0 still is unsure of, of_x_0^2 Var(x_0 | x_t)."""
    mean, variance = 0.3, 0.25
    data = GaussianData(
        torch.tensor([mean], dtype=torch.float64), torch.tensor([[variance]], dtype=torch.float64)
    )
    schedule = schedules.linear(50)
    if ends_in_noise:
        schedule = schedules.with_zero_terminal_snr(schedule)
    visited = schedules.timesteps(50, n)
    before = dict(samplers.pairs(visited))
    optimal = data.denoiser(schedule)

    def unsure(alpha_bar):
        return variance * (1 - alpha_bar) / (alpha_bar * variance + 1 - alpha_bar)

    def with_fraction(x_t, t):
        alpha_bar = schedule.alpha_bar_before(int(t[0]))
        alpha_bar_prev = schedule.alpha_bar_before(before[int(t[0])])
        beta = 1 - alpha_bar / alpha_bar_prev
        posterior = beta * (1 - alpha_bar_prev) / (1 - alpha_bar)
        of_x_0 = alpha_bar_prev**0.5 * beta / (1 - alpha_bar)
        if not posterior:  # the last step, which adds no noise
            return optimal(x_t, t), torch.zeros_like(x_t)
        true = posterior + of_x_0**2 * unsure(alpha_bar)
        fraction = math.log(true / posterior) / math.log(beta / posterior)
        assert 0 < fraction < 1
        return optimal(x_t, t), torch.full_like(x_t, fraction)

    drawn_mean, drawn_variance = drawn_distribution(
        samplers.ddpm_learned, with_fraction, schedule, visited, 1
    )
    # It begins at N(0, 1) rather than at the noised data, which matters only where alpha_bar does not end at 0.
    tolerance = 1e-9 if ends_in_noise else 0.01
    left = variance - unsure(schedule.alpha_bar_before(visited[-1]))
    np.testing.assert_allclose(drawn_mean, [mean], atol=tolerance)
    np.testing.assert_allclose(drawn_variance, [[left]], atol=tolerance)


@pytest.mark.parametrize(("name", "order"), [("ddim", 1), ("euler", 1), ("heun", 2), ("dpm++2m", 2)])
def test_deterministic_samplers_converge_to_the_probability_flow_at_their_order(name, order):
    """The slope of log error over log n, on a schedule so fine that whole timesteps do not matter.

    Measured down to a fixed noise level: further down log(alpha / sigma) goes to infinity, and refining the timesteps
    does not make its steps small.
    """
    schedule = smooth_schedule(64_000)
    x_T = Tape(0, (4, 1, 1, 3))()
    truth = CORRELATED.flow(schedule, x_T, 63_999, 3_999)
    counts = [50, 100, 200, 400]
    errors = []
    for n in counts:
        visited = range(63_999, 3_998, -60_000 // n)
        *_, last, _ = SAMPLERS[name](CORRELATED.denoiser(schedule), schedule, x_T, visited, None)
        errors.append(float((last.x_t - truth).abs().max()))
    slope = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=0.1)
    assert errors[-1] < (1e-2 if order == 1 else 1e-3)
