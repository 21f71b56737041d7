"""The denoiser that knows its images: against closed forms, a brute sum, and what samplers make of it."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm import diffusion, samplers, schedules
from ddpm.config import DiffusionConfig
from ddpm.errors import DataError
from ddpm.ideal_denoiser import candidates, ideal_denoiser, posterior_weights, weighted_mean

SCHEDULE = schedules.linear(1000)
ENDS_IN_NOISE = schedules.build(DiffusionConfig(T=100, zero_terminal_snr=True, prediction="v"))


def images(n, shape=(2, 3, 4), seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, *shape, generator=generator, dtype=torch.float64) * 2 - 1


def noised(x_0, t, schedule=SCHEDULE, seed=1):
    eps = torch.randn(x_0.shape, generator=torch.Generator().manual_seed(seed), dtype=x_0.dtype)
    return diffusion.q_sample(schedule, x_0, t, eps)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 20), st.lists(st.integers(0, 999), min_size=1, max_size=4), st.integers(0, 99))
def test_it_is_the_sum_over_all_images_written_out(n, ts, seed):
    """Bayes' rule as it stands, one image and one pixel after the other, in whole exponents."""
    bank, t = images(n, (1, 2, 2), seed), torch.tensor(ts)
    x_t = noised(bank[torch.arange(len(ts)) % n], t)
    found = ideal_denoiser(bank, SCHEDULE)(x_t, t)
    for row, step in enumerate(ts):
        alpha_bar = float(SCHEDULE.alpha_bar[step])
        exponents = [
            -sum(
                (a - alpha_bar**0.5 * b) ** 2 for a, b in zip(x_t[row].flatten(), x_i.flatten(), strict=True)
            )
            / (2 * (1 - alpha_bar))
            for x_i in bank
        ]
        likelihoods = [math.exp(float(exponent - max(exponents))) for exponent in exponents]
        expected = sum(p * x_i for p, x_i in zip(likelihoods, bank, strict=True)) / sum(likelihoods)
        np.testing.assert_allclose(found[row], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("t", [0, 10, 400, 999])
def test_of_two_images_it_is_a_hyperbolic_tangent(t):
    """For the images +m and -m, E[x_0 | x_t] = m tanh(sqrt(alpha_bar) <m, x_t> / (1 - alpha_bar))."""
    m = images(1)[0]
    bank, step = torch.stack([m, -m]), torch.tensor([t])
    x_t = noised(m[None], step)
    alpha_bar = SCHEDULE.alpha_bar[t]
    expected = m * torch.tanh(alpha_bar.sqrt() * (m * x_t[0]).sum() / (1 - alpha_bar))
    np.testing.assert_allclose(ideal_denoiser(bank, SCHEDULE)(x_t, step)[0], expected, atol=1e-12)


def test_many_images_of_a_normal_distribution_give_its_linear_denoiser():
    """Where x_0 is normal with variance s^2, E[x_0 | x_t] = sqrt(ab) s^2 x_t / (ab s^2 + 1 - ab)."""
    s, t = 0.5, torch.tensor([300])
    bank = s * torch.randn(200_000, 1, 1, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x_t = torch.tensor([0.4], dtype=torch.float64).view(1, 1, 1, 1)
    alpha_bar = SCHEDULE.alpha_bar[300]
    expected = alpha_bar.sqrt() * s**2 * x_t / (alpha_bar * s**2 + 1 - alpha_bar)
    np.testing.assert_allclose(ideal_denoiser(bank, SCHEDULE)(x_t, t), expected, atol=0.005)


def test_nothing_overflows_where_the_noise_is_least_and_the_images_are_large():
    schedule = schedules.cosine(100_000)
    bank, t = images(600, (3, 64, 64)).float(), torch.tensor([0])
    x_t = noised(bank[577:578], t, schedule)
    weights = posterior_weights(bank, schedule, x_t, t)
    assert float(weights[0, 577]) == 1
    assert torch.equal(ideal_denoiser(bank, schedule)(x_t, t), bank[577:578])


def test_pure_noise_gives_the_mean_of_all_images():
    bank, t = images(700), torch.tensor([99])
    x_t = noised(bank[:1], t, ENDS_IN_NOISE)
    np.testing.assert_allclose(ideal_denoiser(bank, ENDS_IN_NOISE)(x_t, t)[0], bank.mean(0), atol=1e-12)
    assert float(candidates(posterior_weights(bank, ENDS_IN_NOISE, x_t, t))) == pytest.approx(700)


def test_candidates_count_images_of_equal_weight():
    weights = torch.tensor([[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25] * 4], dtype=torch.float64)
    np.testing.assert_allclose(candidates(weights), [1, 2, 4])
    np.testing.assert_allclose(
        weighted_mean(torch.arange(4.0).view(4, 1, 1, 1), weights).flatten(), [0, 0.5, 1.5]
    )


def test_no_denoiser_errs_less_on_noise_it_has_not_seen():
    """Shrinking, sharpening or shifting its guess makes the mean squared error larger."""
    bank = images(50, (1, 2, 2))
    x_0, t = bank.repeat(200, 1, 1, 1), torch.full((10_000,), 600)
    guess = ideal_denoiser(bank, SCHEDULE)(x_t := noised(x_0, t), t)
    least = (guess - x_0).square().mean()
    nearest = bank[posterior_weights(bank, SCHEDULE, x_t, t).argmax(1)]
    for other in (0.9 * guess, 1.1 * guess, guess + 0.05, nearest):
        assert least < (other - x_0).square().mean()


def test_a_sampler_led_by_it_ends_at_one_of_the_images():
    bank = images(30).float()
    noise = torch.Generator().manual_seed(5)

    def draw():
        return torch.randn(8, *bank.shape[1:], generator=noise)

    for sampler in (samplers.ddim, samplers.ddpm):
        *_, last = sampler(
            ideal_denoiser(bank, SCHEDULE), SCHEDULE, draw(), schedules.timesteps(1000, 100), draw
        )
        distances = (last.x_t[:, None] - bank[None]).abs().amax((2, 3, 4)).amin(1)
        assert last.x_t.dtype == torch.float32
        assert float(distances.max()) < 1e-3


def test_without_images_it_says_so():
    with pytest.raises(DataError, match="at least one image"):
        ideal_denoiser(torch.empty(0, 1, 2, 2), SCHEDULE)(torch.zeros(1, 1, 2, 2), torch.tensor([0]))
