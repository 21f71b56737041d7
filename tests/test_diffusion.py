"""The forward process, its posterior and the losses, against diffusers and closed forms, in float64."""

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler
from hypothesis import given
from hypothesis import strategies as st

from ddpm import diffusion, objectives, schedules
from ddpm.config import DiffusionConfig

T = 100
SCHEDULE = schedules.cosine(T)


def images(n, seed=0):
    return torch.randn(n, 2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("ours", "theirs"), [("linear", "linear"), ("cosine", "squaredcos_cap_v2")])
def test_q_sample_is_add_noise_of_diffusers_for_each_t(ours, theirs):
    schedule = schedules.build(DiffusionConfig(schedule=ours))
    t = torch.tensor([0, 1, 499, 998, 999])
    x_0, eps = images(5), images(5, 1)
    reference = DDPMScheduler(1000, beta_schedule=theirs).add_noise(x_0, eps, t)
    # diffusers rounds alpha_bar to float32.
    np.testing.assert_allclose(diffusion.q_sample(schedule, x_0, t, eps), reference, rtol=1e-4, atol=1e-6)


def test_one_step_after_another_leads_where_the_closed_form_does():
    """Variances of many single steps (eq. 2) add up to eq. 4, without any sampling."""
    signal, variance = 1.0, 0.0
    for t in range(T):
        beta = float(SCHEDULE.beta[t])
        signal, variance = signal * (1 - beta) ** 0.5, variance * (1 - beta) + beta
        at_t = torch.tensor([t])
        zero, one = torch.zeros(1, 1, 1, 1, dtype=torch.float64), torch.ones(1, 1, 1, 1, dtype=torch.float64)
        assert diffusion.q_sample(SCHEDULE, one, at_t, zero).item() == pytest.approx(signal, rel=1e-12)
        assert diffusion.q_sample(SCHEDULE, zero, at_t, one).item() == pytest.approx(variance**0.5, rel=1e-12)


@given(st.integers(1, T - 1), st.floats(-1, 1), st.floats(-3, 3))
def test_posterior_is_bayes_rule(t, x_0, x_t):
    """q(x_{t-1} | x_t, x_0) from the product of two normal densities, a derivation of its own."""
    before, beta = float(SCHEDULE.alpha_bar[t - 1]), float(SCHEDULE.beta[t])
    prior_mean, prior_variance = before**0.5 * x_0, 1 - before
    precision = 1 / prior_variance + (1 - beta) / beta
    mean = (prior_mean / prior_variance + (1 - beta) ** 0.5 * x_t / beta) / precision
    found = diffusion.q_posterior(
        SCHEDULE,
        torch.full((1, 1, 1, 1), x_0, dtype=torch.float64),
        torch.full((1, 1, 1, 1), x_t, dtype=torch.float64),
        torch.tensor([t]),
    )
    assert found.mean.item() == pytest.approx(mean, rel=1e-9, abs=1e-9)
    assert found.variance.item() == pytest.approx(1 / precision, rel=1e-9)


def test_the_last_step_back_is_the_clean_image():
    x_0, x_t = images(3), images(3, 1)
    found = diffusion.q_posterior(SCHEDULE, x_0, x_t, torch.zeros(3, dtype=torch.int64))
    np.testing.assert_allclose(found.mean, x_0, atol=1e-12)
    assert not found.variance.any()


@given(st.lists(st.integers(0, T - 1), min_size=1, max_size=6), st.integers(0, 9))
def test_noise_and_image_give_each_other_back(ts, seed):
    t, x_0, eps = torch.tensor(ts), images(len(ts), seed), images(len(ts), seed + 100)
    x_t = diffusion.q_sample(SCHEDULE, x_0, t, eps)
    np.testing.assert_allclose(diffusion.eps_from_x_0(SCHEDULE, x_t, t, x_0), eps, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(diffusion.x_0_from_eps(SCHEDULE, x_t, t, eps), x_0, rtol=1e-7, atol=1e-7)


@given(st.lists(st.integers(0, T - 1), min_size=1, max_size=6), st.integers(0, 9))
def test_v_gives_image_and_noise_back(ts, seed):
    t, x_0, eps = torch.tensor(ts), images(len(ts), seed), images(len(ts), seed + 100)
    x_t, v = diffusion.q_sample(SCHEDULE, x_0, t, eps), diffusion.v_from(SCHEDULE, x_0, t, eps)
    np.testing.assert_allclose(diffusion.x_0_from_v(SCHEDULE, x_t, t, v), x_0, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(diffusion.eps_from_v(SCHEDULE, x_t, t, v), eps, rtol=1e-9, atol=1e-9)


def test_v_is_the_velocity_of_diffusers():
    schedule, t = schedules.linear(1000), torch.tensor([0, 400, 999])
    x_0, eps = images(3), images(3, 1)
    reference = DDPMScheduler(1000).get_velocity(x_0, eps, t)
    np.testing.assert_allclose(diffusion.v_from(schedule, x_0, t, eps), reference, rtol=1e-4, atol=1e-5)


def test_each_image_of_a_batch_has_its_own_t():
    t = torch.tensor([3, 70, 12])
    x_0, eps = images(3), images(3, 1)
    together = diffusion.q_sample(SCHEDULE, x_0, t, eps)
    alone = [diffusion.q_sample(SCHEDULE, x_0[i : i + 1], t[i : i + 1], eps[i : i + 1]) for i in range(3)]
    assert torch.equal(together, torch.cat(alone))


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("mse", lambda d: (d**2).mean()),
        ("l1", lambda d: np.abs(d).mean()),
        ("huber", lambda d: np.where(np.abs(d) <= 0.5, d**2 / 2, 0.5 * (np.abs(d) - 0.25)).mean() / 0.5),
    ],
)
def test_losses_are_their_formulas_for_each_image(loss, expected):
    config = DiffusionConfig(T=T, loss=loss, huber_delta=0.5)
    prediction, target = images(4), images(4, 1)
    found = objectives.distance(config, prediction, target)
    assert found.shape == (4,)
    by_hand = [expected((prediction[i] - target[i]).numpy()) for i in range(4)]
    np.testing.assert_allclose(found, by_hand, rtol=1e-5)


@pytest.mark.parametrize("prediction", ["eps", "x_0", "v"])
def test_a_network_that_knows_the_answer_has_no_loss_and_finds_the_image(prediction):
    config = DiffusionConfig(T=T, prediction=prediction)
    x_0, eps, t = images(3), images(3, 1), torch.tensor([5, 50, 98])
    answer = {"eps": eps, "x_0": x_0, "v": diffusion.v_from(SCHEDULE, x_0, t, eps)}[prediction]
    seen = diffusion.q_sample(SCHEDULE, x_0, t, eps)

    def knows(x_t, asked):
        assert torch.equal(x_t, seen)
        assert torch.equal(asked, t)
        return answer

    assert not objectives.diffusion_loss(knows, config, SCHEDULE, x_0, t, eps).any()
    guess_nothing = objectives.diffusion_loss(lambda x_t, _: 0 * x_t, config, SCHEDULE, x_0, t, eps)
    np.testing.assert_allclose(guess_nothing, (answer**2).mean(dim=(1, 2, 3)), rtol=1e-5)
    found = objectives.predicted_x_0(config, SCHEDULE, seen, t, answer)
    np.testing.assert_allclose(found, x_0, rtol=1e-7, atol=1e-7)
