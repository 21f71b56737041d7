"""Samplers step by step against diffusers' schedulers, with the same model outputs and noises, in float64."""

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm import diffusion, samplers, schedules
from ddpm.config import DiffusionConfig

SHAPE = (2, 3, 4, 5)


def eps_of(x_t, t):
    """Some smooth function of both arguments, so that a wrong t or x_t shows."""
    return torch.tanh(x_t * 0.7 + 0.01 * t.view(-1, 1, 1, 1).to(x_t))


def denoiser_of(schedule, eps_of=eps_of):
    """The x_0 that a prediction of the noise implies."""
    return lambda x_t, t: diffusion.x_0_from_eps(schedule, x_t, t, eps_of(x_t, t))


class Tape:
    """The same noises for both sides, in order."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self):
        return torch.randn(SHAPE, dtype=torch.float64, generator=self.generator)


def exact(scheduler_class, schedule, **options):
    """A scheduler of diffusers over our float64 tables; its own are float32."""
    scheduler = scheduler_class(schedule.T, timestep_spacing="trailing", **options)
    scheduler.betas, scheduler.alphas_cumprod = schedule.beta, schedule.alpha_bar
    scheduler.one = scheduler.final_alpha_cumprod = torch.tensor(1.0, dtype=torch.float64)
    return scheduler


def start():
    return torch.randn(SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(9))


GRID = [
    (T, n, name, clip)
    for T, n in [(1, 1), (10, 10), (12, 4), (200, 50), (1000, 20)]
    for name in ("linear", "cosine")
    for clip in (1.0, None)
]


@pytest.mark.parametrize(("T", "n", "name", "clip"), GRID)
@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_ddim_is_that_of_diffusers(T, n, name, clip, eta):
    schedule = schedules.build(DiffusionConfig(T=T, schedule=name))
    reference = exact(DDIMScheduler, schedule, clip_sample=clip is not None)
    reference.set_timesteps(n)
    visited = schedules.timesteps(T, n)
    assert reference.timesteps.tolist() == visited
    tape, x = Tape(1), start()
    for step, t in zip(
        samplers.ddim(denoiser_of(schedule), schedule, x, visited, Tape(1), eta=eta, clip=clip),
        visited,
        strict=True,
    ):
        # The direction is taken from the clipped x_0, which diffusers calls use_clipped_model_output.
        noise = tape() if eta and t != visited[-1] else torch.zeros(SHAPE, dtype=torch.float64)
        eps = eps_of(x, torch.full((2,), t))
        out = reference.step(eps, t, x, eta=eta, use_clipped_model_output=True, variance_noise=noise)
        np.testing.assert_allclose(step.x_0, out.pred_original_sample, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(step.x_t, out.prev_sample, rtol=1e-9, atol=1e-9)
        x = out.prev_sample
    assert step.step == n


@pytest.mark.parametrize(("T", "n", "name", "clip"), GRID)
@pytest.mark.parametrize(("variance", "theirs"), [("posterior", "fixed_small"), ("beta", "fixed_large")])
def test_ddpm_is_that_of_diffusers(T, n, name, clip, variance, theirs, monkeypatch):
    schedule = schedules.build(DiffusionConfig(T=T, schedule=name))
    reference = exact(DDPMScheduler, schedule, clip_sample=clip is not None, variance_type=theirs)
    reference.set_timesteps(n)
    visited = schedules.timesteps(T, n)
    tape, x = Tape(2), start()
    monkeypatch.setattr(
        "diffusers.schedulers.scheduling_ddpm.randn_tensor", lambda *_args, **_options: tape()
    )
    sampled = samplers.ddpm(
        denoiser_of(schedule), schedule, x, visited, Tape(2), variance=variance, clip=clip
    )
    for step, t in zip(sampled, visited, strict=True):
        out = reference.step(eps_of(x, torch.full((2,), t)), t, x)
        np.testing.assert_allclose(step.x_0, out.pred_original_sample, rtol=1e-9, atol=1e-9)
        if variance == "beta" and n < T and t == visited[-1]:
            # diffusers looks at t > 0 rather than at the last step, and leaves noise in the finished image.
            np.testing.assert_allclose(step.x_t, step.x_0, rtol=1e-9, atol=1e-9)
        else:
            np.testing.assert_allclose(step.x_t, out.prev_sample, rtol=1e-7, atol=1e-9)
        x = out.prev_sample
    assert step.step == n


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.sampled_from(["linear", "quadratic", "cosine", "sigmoid"]))
def test_ddim_with_all_noise_and_all_steps_is_ddpm(T, name):
    schedule = schedules.build(DiffusionConfig(T=T, schedule=name))
    every = schedules.timesteps(T, T)
    a = list(samplers.ddim(denoiser_of(schedule), schedule, start(), every, Tape(3), eta=1.0))
    b = list(samplers.ddpm(denoiser_of(schedule), schedule, start(), every, Tape(3)))
    for ours, theirs in zip(a, b, strict=True):
        np.testing.assert_allclose(ours.x_t, theirs.x_t, rtol=1e-8, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 300).flatmap(lambda T: st.tuples(st.just(T), st.integers(1, T))))
def test_a_perfect_denoiser_of_one_image_finds_it_with_any_number_of_steps(T_and_n):
    T, n = T_and_n
    schedule = schedules.cosine(T)
    image = start().clamp(-1, 1)

    visited = schedules.timesteps(T, n)
    for sampler in (samplers.ddim, samplers.ddpm):
        *_, last = sampler(lambda x_t, t: image, schedule, start() * 2, visited, Tape(4))
        np.testing.assert_allclose(last.x_t, image, atol=1e-6)


@pytest.mark.parametrize(("sampler", "tolerance"), [("ddim", 0.02), ("ddpm", 0.03)])
def test_gaussian_data_comes_out_with_its_mean_and_variance(sampler, tolerance):
    """For data N(m, s^2) the best x_0 is known in closed form; 60,000 samples, standard error below 0.3 %."""
    mean, std = 0.4, 0.3
    schedule = schedules.cosine(500)

    def optimal(x_t, t):
        alpha_bar = schedule.alpha_bar[t].view(-1, 1, 1, 1)
        gain = alpha_bar.sqrt() * std**2 / (alpha_bar * std**2 + 1 - alpha_bar)
        return mean + gain * (x_t - alpha_bar.sqrt() * mean)

    random = torch.Generator().manual_seed(5)

    def noise():
        return torch.randn(60_000, 1, 1, 1, dtype=torch.float64, generator=random)

    *_, last = getattr(samplers, sampler)(
        optimal, schedule, noise(), schedules.timesteps(500, 500), noise, clip=None
    )
    assert float(last.x_t.mean()) == pytest.approx(mean, abs=0.01)
    assert float(last.x_t.std()) == pytest.approx(std, rel=tolerance)


def test_stopping_early_asks_the_network_no_further():
    asked = []

    def counting(x_t, t):
        asked.append(int(t[0]))
        return torch.zeros_like(x_t)

    steps = samplers.ddim(counting, schedules.cosine(10), start(), schedules.timesteps(10, 5), Tape(1))
    assert next(steps).step == 1
    assert next(steps).step == 2
    steps.close()
    assert asked == [9, 7]
