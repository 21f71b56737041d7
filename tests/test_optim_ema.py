"""The learning rate, the optimizer's stored state, and the weight average, against their formulas."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ddpm.ema import ExponentialMovingAverage, warmed_up_decay
from ddpm.optim import build_optimizer, learning_rate, load_optimizer_tensors, optimizer_tensors
from ddpm.train_config import TrainConfig


@given(st.integers(1, 500), st.integers(0, 600), st.sampled_from(["constant", "cosine"]))
def test_learning_rate_rises_then_never_rises_again(steps, warmup_steps, schedule):
    config = TrainConfig(steps=steps, warmup_steps=warmup_steps, lr_schedule=schedule, lr=0.5)
    rates = [learning_rate(config, step) for step in range(steps)]
    top = min(warmup_steps, steps)
    assert all(0 < rate <= 0.5 for rate in rates)
    assert rates[:top] == pytest.approx([0.5 * (step + 1) / warmup_steps for step in range(top)])
    assert all(later <= earlier for earlier, later in pairwise(rates[top:]))


def test_cosine_is_half_way_down_in_the_middle():
    config = TrainConfig(steps=110, warmup_steps=10, lr=1.0, lr_schedule="cosine")
    assert learning_rate(config, 60) == pytest.approx(0.5)
    assert learning_rate(config, 35) == pytest.approx(0.5 * (1 + math.cos(math.pi / 4)))


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))


def train(net, optimizer, steps):
    for step in range(steps):
        optimizer.zero_grad()
        net(torch.full((5, 3), float(step + 1))).square().mean().backward()
        optimizer.step()


def test_only_matrices_are_decayed():
    groups = build_optimizer(TrainConfig(weight_decay=0.1), network()).param_groups
    assert {(group["weight_decay"], p.ndim) for group in groups for p in group["params"]} == {
        (0.1, 2),
        (0.0, 1),
    }


def test_a_stored_optimizer_goes_on_bit_for_bit():
    whole, parts = network(), network()
    optimizer = build_optimizer(TrainConfig(), whole)
    train(whole, optimizer, 3)
    first = build_optimizer(TrainConfig(), parts)
    train(parts, first, 3)
    stored = {name: tensor.clone() for name, tensor in optimizer_tensors(first, parts).items()}
    second = build_optimizer(TrainConfig(), parts)
    load_optimizer_tensors(second, parts, stored)
    train(whole, optimizer, 2)
    train(parts, second, 2)
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.equal(a, b)


def test_average_is_the_formula_with_warm_up():
    net = network()
    ema = ExponentialMovingAverage(net, 0.9)
    weight = net[0].weight
    by_hand = weight.detach().double().clone()
    for step in range(1, 40):
        with torch.no_grad():
            weight.add_(0.1)
        ema.update(step)
        decay = min(0.9, (1 + step) / (10 + step))
        by_hand = decay * by_hand + (1 - decay) * weight.detach().double()
    torch.testing.assert_close(ema.weights["0.weight"].double(), by_hand, rtol=1e-5, atol=1e-6)


def test_early_updates_forget_the_random_start():
    kept = math.prod(warmed_up_decay(0.9999, step) for step in range(1, 101))
    assert kept < 1e-8
    assert warmed_up_decay(0.9999, 10**6) == 0.9999


def test_the_average_leaves_the_network_alone():
    net = network()
    before = [parameter.clone() for parameter in net.parameters()]
    ExponentialMovingAverage(net, 0.5).update(1)
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
