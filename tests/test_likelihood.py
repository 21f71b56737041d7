"""The variational bound against closed forms and scipy, in float64."""

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from diffusers import DDPMScheduler
from hypothesis import given
from hypothesis import strategies as st

from ddpm import diffusion, likelihood, schedules
from ddpm.config import DiffusionConfig
from ddpm.diffusion import Gaussian

LEVELS = torch.arange(256, dtype=torch.float64) / 127.5 - 1
SCHEDULES = [
    ("linear", 200, False),
    ("linear", 1000, False),
    ("cosine", 100, False),
    ("linear", 2, False),
    ("sigmoid", 3, False),
    ("scaled-linear", 50, True),
    ("cosine", 1000, True),
    ("cosine", 1, False),
    ("cosine", 1, True),
]


def column(values):
    """Values as images of one pixel, [B, 1, 1, 1] in float64."""
    return torch.as_tensor(values, dtype=torch.float64).view(-1, 1, 1, 1)


def schedule_of(name, T, zero_terminal_snr=False):
    return schedules.build(
        DiffusionConfig(schedule=name, T=T, zero_terminal_snr=zero_terminal_snr, prediction="v")
    )


@given(st.floats(-3, 3), st.floats(0.01, 5), st.floats(-3, 3), st.floats(0.01, 5))
def test_the_divergence_of_two_normals_is_its_integral(mean_q, variance_q, mean_p, variance_p):
    found = likelihood.normal_kl(
        Gaussian(column([mean_q]), column([variance_q])), Gaussian(column([mean_p]), column([variance_p]))
    ).item()
    x = np.linspace(mean_q - 12 * variance_q**0.5, mean_q + 12 * variance_q**0.5, 4001)
    q, p = (
        scipy.stats.norm(mean, variance**0.5)
        for mean, variance in ((mean_q, variance_q), (mean_p, variance_p))
    )
    expected = np.trapezoid(q.pdf(x) * (q.logpdf(x) - p.logpdf(x)), x)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(st.floats(-1.5, 1.5), st.floats(1e-3, 2))
def test_the_decoders_256_probabilities_are_those_of_scipy_and_sum_to_1(mean, deviation):
    p = Gaussian(column([mean]), column([deviation**2]))
    found = likelihood.discretized_log_likelihood(column(LEVELS), p).flatten().exp()
    edges = np.concatenate([[-np.inf], LEVELS[:-1].numpy() + 1 / 255, [np.inf]])
    np.testing.assert_allclose(found, np.diff(scipy.stats.norm.cdf(edges, mean, deviation)), atol=1e-12)
    assert float(found.sum()) == pytest.approx(1, abs=1e-12)


def test_the_decoder_keeps_its_digits_where_the_probability_is_0_in_floating_point():
    """Level 200 under a normal density 300 deviations away, on either side, on its nearer edge's tail."""
    p = Gaussian(column([LEVELS[200] - 0.3, LEVELS[200] + 0.3]), column([1e-6, 1e-6]))
    x_0 = column([LEVELS[200], LEVELS[200]]).requires_grad_()
    found = likelihood.discretized_log_likelihood(x_0, p)
    # The nearer edge decides: log of the normal tail at z is log_ndtr(-z).
    nearer_edge = (0.3 - 1 / 255) / 1e-3
    np.testing.assert_allclose(found.detach().flatten(), scipy.special.log_ndtr(-nearer_edge), rtol=1e-12)
    found.sum().backward()
    assert bool(x_0.grad.isfinite().all())


@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
def test_the_decoders_gradient_is_finite_and_that_of_finite_differences(level):
    variance = column([0.01]).requires_grad_()
    mean = column([0.2]).requires_grad_()
    x_0 = column([LEVELS[level]])
    assert torch.autograd.gradcheck(
        lambda m, v: likelihood.discretized_log_likelihood(x_0, Gaussian(m, v)), (mean, variance)
    )


@pytest.mark.parametrize(("name", "T", "zero_terminal_snr"), SCHEDULES)
@pytest.mark.parametrize(("m", "s"), [(0.0, 1.0), (0.3, 0.5), (-0.8, 0.05)])
def test_the_bound_of_gaussian_data_with_the_optimal_steps_back_is_exact(name, T, zero_terminal_snr, m, s):
    """With p(x_{t-1} | x_t) = q(x_{t-1} | x_t) the bound is H(x_0) + KL(q(x_T) || N(0, 1)), whatever T.

    The KL terms are quadratic in x_0 and eps, so the mean over two Gauss-Hermite nodes each is their expectation.
    """
    schedule = schedule_of(name, T, zero_terminal_snr)
    x_0 = column([m - s, m - s, m + s, m + s])
    eps = column([-1, 1, -1, 1])

    def posterior_of_x_0(x_t, t):
        """E and Var of x_0 given x_t, by Bayes' rule for normal densities."""
        alpha_bar = float(schedule.alpha_bar[t])
        gain = alpha_bar**0.5 * s**2 / (alpha_bar * s**2 + 1 - alpha_bar)
        return m + gain * (x_t - alpha_bar**0.5 * m), s**2 * (1 - gain * alpha_bar**0.5)

    # The decoder for real numbers instead of 8-bit levels: the entropy of q(x_0 | x_t) at t = 0.
    _, variance = posterior_of_x_0(0.0, 0)
    nats = 0.5 * math.log(2 * math.pi * math.e * variance)
    for t in range(1, T):
        ts = torch.full((4,), t)
        x_t = diffusion.q_sample(schedule, x_0, ts, eps)
        mean, variance = posterior_of_x_0(x_t, t)
        of_x_0 = diffusion.q_posterior(schedule, column([1.0]), column([0.0]), ts[:1]).mean
        step_back = Gaussian(
            diffusion.q_posterior(schedule, mean, x_t, ts).mean,
            diffusion.posterior_variance(schedule)[t] + of_x_0**2 * variance,
        )
        nats += float(likelihood.vlb_terms(schedule, x_0, x_t, ts, step_back).mean()) * math.log(2)
    nats += float(likelihood.prior_term(schedule, x_0).mean()) * math.log(2)

    alpha_bar = float(schedule.alpha_bar[-1])
    spread = alpha_bar * s**2 + 1 - alpha_bar
    not_yet_noise = 0.5 * (spread - 1 - math.log(spread) + alpha_bar * m**2)
    assert nats == pytest.approx(0.5 * math.log(2 * math.pi * math.e * s**2) + not_yet_noise, abs=1e-9)


@pytest.mark.parametrize(("name", "T", "zero_terminal_snr"), SCHEDULES)
def test_each_term_is_what_scipy_computes(name, T, zero_terminal_snr):
    schedule = schedule_of(name, T, zero_terminal_snr)
    random = np.random.default_rng(0)
    x_0 = np.round(random.uniform(0, 255, (2, 3, 4, 5))) / 127.5 - 1
    expected_x_0 = x_0 + 0.1 * random.standard_normal(x_0.shape)
    beta, alpha_bar = schedule.beta.numpy(), schedule.alpha_bar.numpy()
    before = np.concatenate([[1.0], alpha_bar[:-1]])
    for t in {0, 1, T // 2, T - 1} & set(range(T)):
        x_t = alpha_bar[t] ** 0.5 * x_0 + (1 - alpha_bar[t]) ** 0.5 * random.standard_normal(x_0.shape)

        def mean(clean, x_t=x_t, t=t):
            of_x_0 = before[t] ** 0.5 * beta[t] / (1 - alpha_bar[t])
            return of_x_0 * clean + (1 - beta[t]) ** 0.5 * (1 - before[t]) / (1 - alpha_bar[t]) * x_t

        if t == 0:
            deviation = (beta[1] * (1 - before[1]) / (1 - alpha_bar[1]) if T > 1 else beta[0]) ** 0.5
            p = scipy.stats.norm(mean(expected_x_0), deviation)
            upper = np.where(x_0 > 1 - 1e-9, 1.0, p.cdf(x_0 + 1 / 255))
            lower = np.where(x_0 < -1 + 1e-9, 0.0, p.cdf(x_0 - 1 / 255))
            with np.errstate(divide="ignore"):
                nats = -np.log(upper - lower)
        else:
            deviation = beta[t] ** 0.5
            variance = beta[t] * (1 - before[t]) / (1 - alpha_bar[t])
            gap = mean(x_0) - mean(expected_x_0)
            nats = np.log(deviation / variance**0.5) + (variance + gap**2) / (2 * deviation**2) - 0.5
        ts = torch.full((2,), t)
        tensors = [torch.as_tensor(values) for values in (x_0, x_t, expected_x_0)]
        step_back = Gaussian(
            diffusion.q_posterior(schedule, tensors[2], tensors[1], ts).mean,
            diffusion.at(likelihood.fixed_variance(schedule, "beta"), ts, tensors[0]),
        )
        found = likelihood.vlb_terms(schedule, tensors[0], tensors[1], ts, step_back)
        assert bool(found.isfinite().all())
        expected = nats.mean(axis=(1, 2, 3)) / math.log(2)
        # scipy's difference of two probabilities is 0 far away, where ours is exact.
        reachable = np.isfinite(expected)
        np.testing.assert_allclose(found[reachable], expected[reachable], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(("name", "T", "zero_terminal_snr"), SCHEDULES)
def test_the_prior_term_is_what_the_last_step_leaves_visible(name, T, zero_terminal_snr):
    schedule = schedule_of(name, T, zero_terminal_snr)
    alpha_bar = float(schedule.alpha_bar[-1])
    expected = [0.5 * (alpha_bar * (x**2 - 1) - math.log1p(-alpha_bar)) / math.log(2) for x in (-1, 0.25)]
    found = likelihood.prior_term(schedule, column([-1, 0.25]))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-15)
    if zero_terminal_snr:
        assert not found.any()


@pytest.mark.parametrize(("name", "T", "zero_terminal_snr"), SCHEDULES)
def test_a_learned_variance_lies_between_those_of_the_posterior_and_beta(name, T, zero_terminal_snr):
    schedule = schedule_of(name, T, zero_terminal_snr)
    t = torch.arange(T)
    low, middle, high = (
        likelihood.learned_variance(schedule, t, column([raw] * T)).flatten() for raw in (-1, 0, 1)
    )
    np.testing.assert_allclose(high, schedule.beta, rtol=1e-12)
    np.testing.assert_allclose(low[1:], diffusion.posterior_variance(schedule)[1:], rtol=1e-12)
    np.testing.assert_allclose(middle, (low * high).sqrt(), rtol=1e-12)
    assert bool((low > 0).all() and low.isfinite().all())


def test_a_learned_variance_is_that_of_diffusers_but_at_the_last_step():
    schedule = schedules.linear(1000)
    reference = DDPMScheduler(1000, beta_schedule="linear", variance_type="learned_range")
    t, raw = torch.arange(1000), torch.linspace(-1.2, 1.2, 1000, dtype=torch.float64)
    found = likelihood.learned_variance(schedule, t, column(raw)).flatten().log()
    theirs = torch.stack([reference._get_variance(int(i), raw[i]) for i in t])
    # diffusers computes in float32, whose rounding of 1 - beta is largest beside the smallest betas.
    np.testing.assert_allclose(found[1:], theirs[1:], rtol=2e-3)
    # At t = 0 the posterior's variance is 0. Theirs is cut off at 1e-20, no width that a decoder can have.
    at_0 = float(likelihood.learned_variance(schedule, t[:1], column([-1.0])).log())
    assert at_0 == pytest.approx(float(diffusion.posterior_variance(schedule)[1].log()), rel=1e-12)
    assert float(reference._get_variance(0, torch.tensor(-1.0))) == pytest.approx(math.log(1e-20), rel=1e-6)


def test_the_bound_of_8_bit_noise_is_8_bits_from_above():
    """Values that are uniform over 256 levels hold 8 bits: no model says them in less, the optimal one in 8.03.

    The optimal step back knows mean and variance of the levels, weighted with their likelihoods given x_t; it is
    not quite normal, so a little is lost.
    """
    schedule = schedules.linear(200)
    generator = torch.Generator().manual_seed(0)
    x_0 = column(LEVELS).expand(256, 1, 1, 4)
    bits = float(likelihood.prior_term(schedule, x_0).mean())
    for t in range(schedule.T):
        ts = torch.full((256,), t)
        eps = torch.randn(x_0.shape, dtype=torch.float64, generator=generator)
        x_t = diffusion.q_sample(schedule, x_0, ts, eps)
        alpha_bar = schedule.alpha_bar[t]
        distances = (x_t[..., None] - alpha_bar.sqrt() * LEVELS) ** 2
        probabilities = (-distances / (2 * (1 - alpha_bar))).softmax(dim=-1)
        mean = probabilities @ LEVELS
        variance = probabilities @ LEVELS**2 - mean**2
        of_x_0 = diffusion.q_posterior(schedule, column([1.0]), column([0.0]), ts[:1]).mean
        step_back = Gaussian(
            diffusion.q_posterior(schedule, mean, x_t, ts).mean,
            diffusion.posterior_variance(schedule)[t] + of_x_0**2 * variance,
        )
        bits += float(likelihood.vlb_terms(schedule, x_0, x_t, ts, step_back).mean())
    assert 8 < bits < 8.05
