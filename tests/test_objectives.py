"""What is trained on: weights, timesteps, and the hybrid loss of a learned variance, in float64."""

from typing import get_args

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler
from diffusers.training_utils import compute_snr
from hypothesis import given
from hypothesis import strategies as st

from ddpm import diffusion, likelihood, objectives, schedules
from ddpm.config import Config, DiffusionConfig
from ddpm.config_values import ScheduleName
from ddpm.diffusion import Gaussian
from ddpm.errors import ConfigError
from ddpm.loss_weights import loss_weights

T = 100
PREDICTIONS = ["eps", "x_0", "v"]


def images(n, seed=0):
    return torch.randn(n, 2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def answer(schedule, prediction, x_0, x_t, t):
    """The prediction that stands for a clean image."""
    eps = diffusion.eps_from_x_0(schedule, x_t, t, x_0)
    return {"eps": eps, "x_0": x_0, "v": diffusion.v_from(schedule, x_0, t, eps)}[prediction]


# The factor of the squared error of x_0 that each weighting means, whatever is predicted.
FOR_X_0 = {
    "snr": lambda snr: snr,
    "min-snr": lambda snr: snr.clamp(max=5),
    "p2": lambda snr: snr / (2 + snr) ** 1.5,
}


@pytest.mark.parametrize("weight", FOR_X_0)
@pytest.mark.parametrize("prediction", PREDICTIONS)
@given(st.sampled_from(get_args(ScheduleName)), st.integers(1, 300), st.data())
def test_a_weighted_loss_is_the_same_error_of_the_image_whatever_is_predicted(
    weight, prediction, name, steps, data
):
    """A network that is wrong about x_0 by ``error`` has the loss FOR_X_0 times its square."""
    config = DiffusionConfig(
        T=steps, schedule=name, prediction=prediction, loss_weight=weight, p2_k=2, p2_gamma=1.5
    )
    schedule = schedules.build(config)
    t = torch.tensor([data.draw(st.integers(0, steps - 1)) for _ in range(3)])
    x_0, eps, error = images(3), images(3, 1), images(3, 2)

    def wrong(x_t, asked):
        return answer(schedule, prediction, x_0 + error, x_t, asked)

    found = objectives.diffusion_loss(wrong, config, schedule, x_0, t, eps)
    expected = FOR_X_0[weight](schedule.snr)[t] * (error**2).mean(dim=(1, 2, 3))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_snr_weights_leave_the_loss_on_eps_as_it_is():
    schedule = schedules.linear(T)
    config = DiffusionConfig(T=T, loss_weight="snr", prediction="eps")
    assert torch.equal(loss_weights(config, schedule), torch.ones(T, dtype=torch.float64))


def test_min_snr_weights_are_those_of_diffusers_training():
    """compute_snr of diffusers, and the weights that its training scripts make of it for eps and for v."""
    scheduler = DDPMScheduler(1000, beta_schedule="linear")
    snr = compute_snr(scheduler, torch.arange(1000)).double()
    for prediction, below in (("eps", snr), ("v", snr + 1)):
        config = DiffusionConfig(schedule="linear", prediction=prediction, loss_weight="min-snr")
        found = loss_weights(config, schedules.build(config))
        # Their tables are float32.
        np.testing.assert_allclose(found, snr.clamp(max=5) / below, rtol=2e-3)


def test_min_snr_for_v_has_snr_plus_1_below():
    schedule = schedules.cosine(T)
    config = DiffusionConfig(T=T, loss_weight="min-snr", prediction="v", min_snr_gamma=3)
    expected = schedule.snr.clamp(max=3) / (schedule.snr + 1)
    np.testing.assert_allclose(loss_weights(config, schedule), expected, rtol=1e-12)
    assert float(loss_weights(config, schedule).max()) < 1


@pytest.mark.parametrize("weight", ["none", "snr", "min-snr", "p2"])
@pytest.mark.parametrize("prediction", PREDICTIONS)
@given(st.sampled_from(get_args(ScheduleName)), st.integers(1, 1200), st.booleans())
def test_weights_are_finite_for_every_schedule(weight, prediction, name, steps, zero_terminal_snr):
    schedule = schedules.build(DiffusionConfig(T=steps, schedule=name))
    if zero_terminal_snr:
        schedule = schedules.with_zero_terminal_snr(schedule)
    weights = loss_weights(DiffusionConfig(T=steps, prediction=prediction, loss_weight=weight), schedule)
    assert weights.shape == (steps,)
    assert bool((weights.isfinite() & (weights >= 0)).all())


@pytest.mark.parametrize("sampling", ["uniform", "antithetic", "stratified"])
@pytest.mark.parametrize("n", [1, 5, 64])
def test_every_timestep_is_drawn_about_equally_often(sampling, n):
    config = DiffusionConfig(T=10, timestep_sampling=sampling)
    generator = torch.Generator().manual_seed(3)
    drawn = torch.cat([objectives.random_timesteps(config, n, generator) for _ in range(20_000 // n)])
    counts = torch.bincount(drawn, minlength=10)
    assert len(counts) == 10
    # Chi-squared with 9 degrees of freedom: 27.9 is its 0.999 quantile; antithetic pairs count double.
    assert float(((counts - len(drawn) / 10) ** 2 / (len(drawn) / 10)).sum()) < 2 * 27.9


@given(st.integers(1, 500), st.integers(1, 100), st.integers(0, 9))
def test_antithetic_timesteps_mirror_each_other(steps, pairs, seed):
    config = DiffusionConfig(T=steps, timestep_sampling="antithetic")
    t = objectives.random_timesteps(config, 2 * pairs, torch.Generator().manual_seed(seed))
    assert torch.equal(t[:pairs] + t[pairs:], torch.full((pairs,), steps - 1))


@given(st.integers(1, 1000), st.integers(1, 200), st.integers(0, 99))
def test_stratified_timesteps_fill_the_range_evenly(steps, n, seed):
    config = DiffusionConfig(T=steps, timestep_sampling="stratified")
    t = objectives.random_timesteps(config, n, torch.Generator().manual_seed(seed))
    assert len(t) == n
    assert 0 <= int(t.min()) <= int(t.max()) < steps
    gaps = t.sort().values.diff()
    assert n == 1 or int(gaps.max()) <= steps / n + 1


def hybrid(prediction="eps", steps=T, **values):
    config = DiffusionConfig(T=steps, prediction=prediction, variance="learned", **values)
    return config, schedules.build(config)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_hybrid_loss_is_the_simple_one_plus_the_bound(prediction):
    config, schedule = hybrid(prediction, vlb_weight=0.02)
    x_0, eps, t = images(4).clamp(-1, 1), images(4, 1), torch.tensor([0, 1, 50, 99])
    wrong_x_0, raw = x_0 + 0.1 * images(4, 2), images(4, 3)

    def network(x_t, asked):
        return torch.cat([answer(schedule, prediction, wrong_x_0, x_t, asked), raw], dim=1)

    x_t = diffusion.q_sample(schedule, x_0, t, eps)
    simple = (
        (answer(schedule, prediction, wrong_x_0, x_t, t) - answer(schedule, prediction, x_0, x_t, t)) ** 2
    ).mean(dim=(1, 2, 3))
    step_back = Gaussian(
        diffusion.q_posterior(schedule, wrong_x_0, x_t, t).mean,
        likelihood.learned_variance(schedule, t, raw),
    )
    bound = likelihood.vlb_terms(schedule, x_0, x_t, t, step_back)
    found = objectives.diffusion_loss(network, config, schedule, x_0, t, eps)
    np.testing.assert_allclose(found, simple + 0.02 * T * bound, rtol=1e-6)


def test_the_bound_teaches_the_variance_and_not_the_mean():
    config, schedule = hybrid(vlb_weight=1.0)
    plain = DiffusionConfig(T=T)
    x_0, eps, t = images(3).clamp(-1, 1), images(3, 1), torch.tensor([0, 1, 60])
    prediction, raw = images(3, 2).requires_grad_(), images(3, 3).requires_grad_()
    objectives.diffusion_loss(
        lambda *_: torch.cat([prediction, raw], 1), config, schedule, x_0, t, eps
    ).sum().backward()
    alone = prediction.detach().clone().requires_grad_()
    objectives.diffusion_loss(lambda *_: alone, plain, schedule, x_0, t, eps).sum().backward()
    assert torch.equal(prediction.grad, alone.grad)
    assert bool((raw.grad != 0).all())


@pytest.mark.parametrize("variance", ["fixed", "learned"])
def test_the_bound_alone_averages_over_t_to_bits_per_dimension_and_teaches_everything(variance):
    config = DiffusionConfig(T=T, loss="vlb", variance=variance, prediction="x_0")
    schedule = schedules.build(config)
    x_0, eps, t = images(T).clamp(-1, 1), images(T, 1), torch.arange(T)
    output = torch.cat([x_0 + 0.1 * images(T, 2), images(T, 3)], dim=1)[:, : 2 if variance == "fixed" else 4]
    output.requires_grad_()
    loss = objectives.diffusion_loss(lambda *_: output, config, schedule, x_0, t, eps)
    x_t = diffusion.q_sample(schedule, x_0, t, eps)
    spread = (
        diffusion.at(likelihood.fixed_variance(schedule, "posterior"), t, x_t)
        if variance == "fixed"
        else likelihood.learned_variance(schedule, t, output[:, 2:])
    )
    step_back = Gaussian(diffusion.q_posterior(schedule, output[:, :2], x_t, t).mean, spread)
    bits = likelihood.vlb_terms(schedule, x_0, x_t, t, step_back).sum()
    assert loss.mean().item() == pytest.approx(bits.item(), rel=1e-9)
    loss.sum().backward()
    assert bool((output.grad.isfinite() & (output.grad != 0)).all())


def test_the_bound_takes_no_other_weights():
    with pytest.raises(ConfigError, match=r"loss_weight min-snr cannot go with loss vlb"):
        Config().with_values({"diffusion": {"loss": "vlb", "loss_weight": "min-snr"}})


@pytest.mark.parametrize(("steps", "zero_terminal_snr"), [(1, False), (1, True), (2, True), (30, True)])
@pytest.mark.parametrize("prediction", ["x_0", "v"])
@pytest.mark.parametrize("loss", ["mse", "vlb"])
def test_the_bound_and_its_gradient_are_numbers_at_every_t(steps, zero_terminal_snr, prediction, loss):
    config, schedule = hybrid(prediction, steps, zero_terminal_snr=zero_terminal_snr, loss=loss)
    x_0 = images(steps).clamp(-1, 1).float()
    output = torch.zeros(steps, 4, 5, 3, requires_grad=True)
    losses = objectives.diffusion_loss(
        lambda *_: output, config, schedule, x_0, torch.arange(steps), images(steps, 1).float()
    )
    losses.sum().backward()
    assert bool(losses.isfinite().all())
    assert bool(output.grad.isfinite().all())


def test_the_learned_variance_finds_the_true_one():
    """For Gaussian data with the optimal mean, descending the bound leads to the variance of q(x_{t-1} | x_t)."""
    config, schedule = hybrid("x_0", vlb_weight=1.0)
    s, n, at_t = 0.3, 40_000, 20
    generator = torch.Generator().manual_seed(0)
    x_0, eps = (s * torch.randn(n, 1, 1, 1, dtype=torch.float64, generator=generator) for _ in range(2))
    eps = eps / s
    t = torch.full((n,), at_t)
    alpha_bar, beta = float(schedule.alpha_bar[at_t]), float(schedule.beta[at_t])
    gain = alpha_bar**0.5 * s**2 / (alpha_bar * s**2 + 1 - alpha_bar)
    raw = torch.zeros(1, dtype=torch.float64, requires_grad=True)

    def network(x_t, _t):
        return torch.cat([gain * x_t, raw.view(1, 1, 1, 1).expand_as(x_t)], dim=1)

    optimizer = torch.optim.LBFGS([raw], line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = objectives.diffusion_loss(network, config, schedule, x_0, t, eps).mean()
        value.backward()
        return value

    optimizer.step(loss)
    of_x_0 = float(schedule.alpha_bar[at_t - 1]) ** 0.5 * beta / (1 - alpha_bar)
    true = float(diffusion.posterior_variance(schedule)[at_t]) + of_x_0**2 * s**2 * (
        1 - gain * alpha_bar**0.5
    )
    found = likelihood.learned_variance(schedule, torch.tensor([at_t]), raw.detach().view(1, 1, 1, 1))
    # The mean over 40,000 samples stands for an expectation.
    assert found.item() == pytest.approx(true, rel=0.01)


@pytest.mark.parametrize("prediction", PREDICTIONS)
@given(
    st.sampled_from(get_args(ScheduleName)),
    st.integers(1, 20),
    st.sampled_from(["none", "snr", "min-snr", "p2"]),
    st.sampled_from(["fixed", "learned"]),
    st.integers(0, 9),
)
def test_few_steps_give_a_loss_and_a_gradient_in_float32(prediction, name, steps, weight, variance, seed):
    """Also where the betas of a schedule would pass 1 if they were not capped."""
    config = DiffusionConfig(
        T=steps, schedule=name, prediction=prediction, loss_weight=weight, variance=variance
    )
    schedule = schedules.build(config)
    x_0, eps = images(steps, seed).clamp(-1, 1).float(), images(steps, seed + 10).float()
    output = images(2 * steps, seed + 20).float().view(steps, 4, 5, 3)[:, : 4 if variance == "learned" else 2]
    output.requires_grad_()
    loss = objectives.diffusion_loss(lambda *_: output, config, schedule, x_0, torch.arange(steps), eps)
    loss.sum().backward()
    assert bool(loss.isfinite().all())
    assert bool(output.grad.isfinite().all())


def test_labels_reach_the_network_and_only_where_there_are_any():
    config, schedule = DiffusionConfig(T=T), schedules.cosine(T)
    x_0, eps, t = images(2), images(2, 1), torch.tensor([3, 4])
    seen = []

    def network(x_t, asked, *labels):
        seen.append(labels)
        return x_t

    objectives.diffusion_loss(network, config, schedule, x_0, t, eps)
    objectives.diffusion_loss(network, config, schedule, x_0, t, eps, torch.tensor([1, 0]))
    assert seen[0] == ()
    assert torch.equal(seen[1][0], torch.tensor([1, 0]))
