"""Clipping, dynamic thresholding and guidance, each against its definition or diffusers."""

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler
from hypothesis import given, settings
from hypothesis import strategies as st
from sampler_laws import SHAPE, start

from ddpm import denoisers, diffusion, schedules
from ddpm.config import DiffusionConfig

T = torch.tensor([3, 3])


def always(x_0):
    return lambda x_t, t: x_0


def test_clipping_leaves_what_is_in_range_and_cuts_the_rest():
    x_0 = 3 * start()
    clipped = denoisers.clipped(always(x_0), 1.5)(start(), T)
    assert torch.equal(clipped, x_0.clamp(-1.5, 1.5))
    assert float(clipped.max()) == 1.5


@pytest.mark.parametrize("quantile", [0.3, 0.9, 0.995, 1.0])
@pytest.mark.parametrize("size", [0.2, 1.0, 30.0])
def test_dynamic_thresholding_is_that_of_diffusers(quantile, size):
    x_0 = size * start()
    # diffusers bounds s by sample_max_value, 1 unless told otherwise, which the Imagen paper does not.
    reference = DDPMScheduler(
        thresholding=True, dynamic_thresholding_ratio=quantile, sample_max_value=float("inf")
    )
    ours = denoisers.thresholded(always(x_0), quantile)(start(), T)
    np.testing.assert_allclose(ours, reference._threshold_sample(x_0), rtol=1e-12, atol=1e-12)
    assert float(ours.abs().max()) <= 1 or size < 1


def test_dynamic_thresholding_looks_at_each_image_alone():
    x_0 = start() * torch.tensor([0.1, 50.0]).view(2, 1, 1, 1)
    both = denoisers.thresholded(always(x_0))(start(), T)
    assert torch.equal(both[0], x_0[0])
    alone = denoisers.thresholded(always(x_0[1:]))(start()[1:], T[1:])
    assert torch.equal(both[1:], alone)


@settings(max_examples=20, deadline=None)
@given(st.floats(-2, 9), st.sampled_from(["eps", "x_0", "v"]))
def test_guidance_is_the_same_in_x_0_as_in_what_the_network_predicts(scale, prediction):
    schedule = schedules.cosine(10)
    config = DiffusionConfig(T=10, prediction=prediction)
    given_class, no_class = start(1), start(2)
    x_t = start(3)
    in_prediction = no_class + scale * (given_class - no_class)
    expected = denoisers.of_network(always(in_prediction), config, schedule)(x_t, T)
    guided = denoisers.guided(
        denoisers.of_network(always(given_class), config, schedule),
        denoisers.of_network(always(no_class), config, schedule),
        scale,
    )
    np.testing.assert_allclose(guided(x_t, T), expected, rtol=1e-9, atol=1e-9)


class ToldNetwork(torch.nn.Module):
    """x_t times a number of the class, 2C channels; counts its calls."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def forward(self, x_t, t, labels):
        self.calls.append((tuple(t.tolist()), tuple(labels.tolist())))
        factor = (1.0 + labels).view(-1, 1, 1, 1)
        return torch.cat([x_t * factor, -factor * torch.ones_like(x_t)], dim=1)


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0, 4.0])
def test_one_call_for_both_halves_is_guidance_of_two_denoisers(scale):
    network, labels = ToldNetwork(), torch.tensor([0, 2])
    at_once = denoisers.guided_to_class(network, labels, 5, scale)(start(), T)
    assert network.calls == [((3, 3, 3, 3), (0, 2, 5, 5))]
    first_half = [
        lambda x_t, t, labels=labels: network(x_t, t, labels)[:, :3]
        for labels in (labels, torch.tensor([5, 5]))
    ]
    separate = denoisers.guided(*first_half, scale)(start(), T)
    np.testing.assert_allclose(at_once[:, :3], separate, rtol=1e-12, atol=1e-12)
    # The variance is that of the class, whatever the scale.
    assert torch.equal(at_once[:, 3:], network(start(), T, labels)[:, 3:])


@pytest.mark.parametrize("prediction", ["eps", "x_0", "v"])
def test_a_network_with_a_learned_variance_gives_x_0_and_fraction(prediction):
    schedule = schedules.cosine(10)
    config = DiffusionConfig(T=10, prediction=prediction, variance="learned")
    output = torch.cat([start(1), torch.tanh(start(2))], dim=1)
    x_0, fraction = denoisers.of_network_with_fraction(always(output), config, schedule)(start(3), T)
    without = denoisers.of_network(always(output), config, schedule)(start(3), T)
    assert torch.equal(x_0, without)
    assert x_0.shape == fraction.shape == SHAPE
    assert torch.equal(fraction, (torch.tanh(start(2)) + 1) / 2)


def test_a_wrapper_sees_the_x_0_of_a_denoiser_with_a_learned_variance():
    wrapped = denoisers.wrapped(lambda x_t, t: (5 * x_t, 7 * x_t), denoisers.clipped)
    x_0, fraction = wrapped(start(), T)
    assert torch.equal(x_0, (5 * start()).clamp(-1, 1))
    assert torch.equal(fraction, 7 * start())


def test_the_x_0_of_a_network_is_the_image_when_the_network_is_right():
    schedule = schedules.cosine(10)
    image, eps = start(1), start(2)
    x_t = diffusion.q_sample(schedule, image, T, eps)
    found = denoisers.of_network(always(eps), DiffusionConfig(T=10), schedule)(x_t, T)
    np.testing.assert_allclose(found, image, rtol=1e-12, atol=1e-12)
