"""Editing: the laws of each edit, and closed forms where the data are Gaussian."""

from functools import partial

import numpy as np
import pytest
import torch
from diffusers import RePaintScheduler
from hypothesis import given, settings
from hypothesis import strategies as st
from sampler_laws import CORRELATED, GaussianData, Tape, denoiser_of, smooth_schedule, start

from ddpm import editing, samplers, schedules, solvers
from ddpm.denoisers import clipped

SCHEDULE = schedules.linear(60)
TIMESTEPS = schedules.timesteps(60, 12)
SAMPLER = partial(samplers.ddpm, clipped(denoiser_of(SCHEDULE)), SCHEDULE)


def image(seed=8):
    return start(seed).clamp(-1, 1)


def last(steps):
    *_, step = steps
    return step.x_t


def test_image_to_image_of_strength_0_is_the_image():
    (step,) = editing.image_to_image(SAMPLER, SCHEDULE, image(), TIMESTEPS, Tape(1), strength=0.0)
    assert step.step == 0
    assert torch.equal(step.x_t, image())


def test_image_to_image_of_strength_1_is_sampling():
    edited = last(editing.image_to_image(SAMPLER, SCHEDULE, image(), TIMESTEPS, Tape(1), strength=1.0))
    noise = Tape(1)
    assert torch.equal(edited, last(SAMPLER(noise(), TIMESTEPS, noise)))


def test_image_to_image_keeps_less_of_the_image_the_stronger_it_is():
    """Correlated Gaussian data: the covariance of output and input, which is exact as all is linear in the input."""
    schedule = smooth_schedule(1000)
    visited = schedules.timesteps(1000, 50)
    sampler = partial(samplers.ddim, CORRELATED.denoiser(schedule), schedule)
    kept = []
    for strength in (0.0, 0.2, 0.5, 0.8, 1.0):
        a, b = (
            last(
                editing.image_to_image(sampler, schedule, x_0, visited, Tape(1, x_0.shape), strength=strength)
            )
            for x_0 in (
                torch.zeros(1, 1, 1, 3, dtype=torch.float64),
                torch.ones(1, 1, 1, 3, dtype=torch.float64),
            )
        )
        kept.append(float((b - a).norm()))
    assert kept[0] == pytest.approx(3**0.5)
    assert kept == sorted(kept, reverse=True)
    assert kept[-1] == 0


@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("ends_in_noise", [False, True])
def test_an_inverted_image_comes_back_exactly_when_the_equation_is_solved(clip, ends_in_noise):
    schedule = smooth_schedule(600)
    if ends_in_noise:
        schedule = schedules.with_zero_terminal_snr(schedule)
    visited = schedules.timesteps(600, 40)
    denoiser = CORRELATED.denoiser(schedule)
    denoiser = clipped(denoiser) if clip else denoiser
    x_0 = 0.4 * torch.tanh(Tape(3, (5, 1, 1, 3))())
    x_T = editing.inverted(denoiser, schedule, x_0, visited, iterations=60)
    back = last(samplers.ddim(denoiser, schedule, x_T, visited, None))
    np.testing.assert_allclose(back, x_0, atol=1e-8)


def test_inversion_comes_the_closer_the_more_steps_it_takes_and_is_of_first_order():
    schedule = smooth_schedule(64_000)
    denoiser = CORRELATED.denoiser(schedule)
    x_0 = Tape(3, (5, 1, 1, 3))()
    errors = []
    for n in (50, 100, 200, 400):
        visited = schedules.timesteps(64_000, n)
        back = last(
            samplers.ddim(
                denoiser, schedule, editing.inverted(denoiser, schedule, x_0, visited), visited, None
            )
        )
        errors.append(float((back - x_0).abs().max()))
    slope = -np.polyfit(np.log([50, 100, 200, 400]), np.log(errors), 1)[0]
    assert slope == pytest.approx(1, abs=0.15)
    assert errors[-1] < 0.02


def test_inverted_images_are_noise_of_the_size_that_it_should_have():
    """Along the probability flow data N(mean, covariance) become N(0, I) where alpha_bar is all but 0."""
    schedule = smooth_schedule(2000, 0.999)
    units = torch.cat([torch.zeros(1, 3), torch.eye(3)]).double().view(4, 1, 1, 3)
    x_T = editing.inverted(
        CORRELATED.denoiser(schedule), schedule, CORRELATED.mean + units, schedules.timesteps(2000, 1000)
    )[:, 0, 0]
    jacobian = x_T[1:] - x_T[0]
    covariance = jacobian.T @ CORRELATED.covariance @ jacobian
    np.testing.assert_allclose(x_T[0], torch.zeros(3), atol=0.01)
    np.testing.assert_allclose(covariance, torch.eye(3), atol=0.02)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.floats(0, 1))
def test_slerp_keeps_the_norm_and_moves_at_an_even_pace(seed, weight):
    a, b = start(seed), start(seed + 1)
    b = b * (a.flatten(1).norm(dim=1) / b.flatten(1).norm(dim=1)).view(-1, 1, 1, 1)
    between = editing.slerp(a, b, torch.full((2,), weight, dtype=torch.float64))
    np.testing.assert_allclose(between.flatten(1).norm(dim=1), a.flatten(1).norm(dim=1), rtol=1e-10)

    def angle(x, y):
        return torch.acos((torch.nn.functional.cosine_similarity(x.flatten(1), y.flatten(1))).clamp(-1, 1))

    np.testing.assert_allclose(angle(a, between), weight * angle(a, b), atol=1e-6)


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0])
def test_slerp_between_parallel_vectors_is_a_straight_line(factor):
    a, weights = start(), torch.tensor([0.25, 0.75], dtype=torch.float64)
    line = (1 - weights + factor * weights).view(-1, 1, 1, 1) * a
    np.testing.assert_allclose(editing.slerp(a, factor * a, weights), line, atol=1e-12)


@pytest.mark.parametrize("way", ["inverted", "noised"])
def test_interpolation_leads_from_one_image_to_the_other(way):
    schedule = smooth_schedule(1000)
    denoiser = CORRELATED.denoiser(schedule)
    visited = schedules.timesteps(1000, 200)
    ends = Tape(6, (2, 1, 1, 3))()
    if way == "inverted":
        encoded = editing.inverted(denoiser, schedule, ends, visited, iterations=20)
    else:
        visited = editing.last_part(visited, 0.02)
        encoded = editing.noised(schedule, ends, visited[0], Tape(2, ends.shape)())
    weights = torch.linspace(0, 1, 5, dtype=torch.float64)
    sampler = partial(samplers.ddim, denoiser, schedule)
    images = last(editing.interpolate(sampler, encoded[:1], encoded[1:], weights, visited, None))
    assert images.shape == (5, 1, 1, 3)
    near = 1e-6 if way == "inverted" else 0.1
    np.testing.assert_allclose(images[[0, 4]], ends, atol=near)
    from_a = (images - ends[0]).flatten(1).norm(dim=1)
    assert from_a.tolist() == sorted(from_a.tolist())


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 6))
def test_the_walk_of_repaint_steps_down_and_jumps_up_as_often_as_it_should(n, jump_length, resample):
    path = editing.walk(n, jump_length, resample)
    moves = np.diff(path)
    assert path[0] == 0
    assert path[-1] == n
    assert set(moves) <= {1, -jump_length}
    jumps = len(range(0, n - jump_length, jump_length)) * (resample - 1)
    assert (moves < 0).sum() == jumps
    assert (moves > 0).sum() == n + jumps * jump_length


@pytest.mark.parametrize(("n", "jump_length", "resample"), [(250, 10, 10), (30, 5, 3), (20, 7, 2)])
def test_the_walk_is_that_of_diffusers(n, jump_length, resample):
    reference = RePaintScheduler(250)
    reference.set_timesteps(n, jump_length, resample)
    levels = reference.timesteps.tolist()  # jumping up level by level, without the clean image
    path = editing.walk(n, jump_length, resample)
    stride = 250 // n
    stepwise = []
    for before, after in zip([-1, *path], path, strict=False):
        stepwise += [after] if after > before else range(before - 1, after - 1, -1)
    assert [(n - 1 - position) * stride for position in stepwise[:-1]] == levels


@pytest.mark.parametrize("sampler", [samplers.ddpm, samplers.ddim, solvers.heun, solvers.dpm_solver_2m])
def test_repaint_leaves_what_is_known_exactly_as_it_was(sampler):
    mask = torch.zeros(1, 1, 4, 5, dtype=torch.float64)
    mask[..., :2, 1:4] = 1
    bound = partial(sampler, clipped(denoiser_of(SCHEDULE)), SCHEDULE)
    steps = list(
        editing.repaint(bound, SCHEDULE, image(), mask, TIMESTEPS, Tape(1), jump_length=3, resample=2)
    )
    assert [step.step for step in steps] == list(range(1, len(steps) + 1))
    known = (mask == 0).expand_as(image())
    assert torch.equal(steps[-1].x_t[known], image()[known])
    assert float((steps[-1].x_t - image())[~known].abs().mean()) > 0.1
    for step in steps:
        assert torch.equal(step.x_0[known], image()[known])


def test_resampling_brings_what_is_painted_to_what_the_known_part_lets_expect():
    """Two pixels with correlation 0.9: given one, the mean of the other is known. Without jumps RePaint falls short."""
    data = GaussianData(torch.zeros(2).double(), torch.tensor([[0.25, 0.225], [0.225, 0.25]]).double())
    schedule = smooth_schedule(1000, 0.999)
    visited = schedules.timesteps(1000, 100)
    sampler = partial(samplers.ddpm, data.denoiser(schedule), schedule)
    known, n = 0.8, 2000
    x_0 = torch.tensor([known, 0.0]).double().view(1, 1, 1, 2).expand(n, 1, 1, 2)
    mask = torch.tensor([0.0, 1.0]).double().view(1, 1, 1, 2)

    def painted_mean(resample):
        noise = Tape(4, (n, 1, 1, 2))
        steps = editing.repaint(
            sampler, schedule, x_0, mask, visited, noise, jump_length=5, resample=resample
        )
        return float(last(steps)[..., 1].mean())

    expected = 0.9 * known
    once, often = painted_mean(1), painted_mean(10)
    assert abs(often - expected) < 0.05 * expected
    assert abs(often - expected) < abs(once - expected) / 2


def test_the_last_part_of_the_timesteps_is_the_one_next_to_the_image():
    assert editing.last_part([9, 6, 3, 0], 0.5) == [3, 0]
    assert editing.last_part([9, 6, 3, 0], 0.0) == []
    assert editing.last_part([9, 6, 3, 0], 0.01) == [0]
    assert editing.last_part([9, 6, 3, 0], 1.0) == [9, 6, 3, 0]
