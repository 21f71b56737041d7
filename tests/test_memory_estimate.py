"""The memory that training takes, told before anything is built."""

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from ddpm.config import Config
from ddpm.data import DeviceImages
from ddpm.ema import build_averages
from ddpm.events import StepDone
from ddpm.memory_estimate import fixed_memory, surely_enough, training_memory
from ddpm.optim import build_optimizer, optimizer_tensors
from ddpm.sources.imageset import ImageSet
from ddpm.trainer import Trainer
from ddpm.unet import build

PLAIN = {"model": {"dim": 16, "dim_mults": (1, 2, 4)}, "train": {"batch_size": 32}}
PARTS = {"model": PLAIN["model"], "train": {"batch_size": 32, "microbatch": 7}}
ATTENTIVE = {
    "model": {"dim": 32, "dim_mults": (1, 2), "attention_levels": (0, 1), "dropout": 0.1},
    "train": {"batch_size": 6, "precision": "bfloat16"},
}
CONVNEXT = {
    "model": {"dim": 16, "dim_mults": (1, 2, 4), "block": "convnext", "linear_attention_levels": (0,)},
    "diffusion": {"variance": "learned"},
    "train": {"batch_size": 8},
}
WIDE = {"model": {"dim": 48, "dim_mults": (1, 4), "blocks_per_level": 1}, "train": {"batch_size": 2}}
NETWORKS = pytest.mark.parametrize(
    "values",
    [PLAIN, PARTS, ATTENTIVE, CONVNEXT, WIDE],
    ids=["plain", "parts", "attentive", "convnext", "wide"],
)


def recipe(values, device="cpu"):
    train = {"precision": "float32", "device": device, **values["train"]}
    return Config.build({**values, "data": {"image_size": [16, 16], "channels": 3}, "train": train})


def trainer(config):
    images = np.random.default_rng(0).integers(0, 256, (8, *config.data.shape), dtype=np.uint8)
    return Trainer(config, DeviceImages(ImageSet("noise", images, None, ()), 0, config.train.device))


def bytes_of(tensors):
    return sum(tensor.nbytes for tensor in tensors)


def test_what_belongs_to_the_parameters_is_counted_exactly():
    more = {"ema_more_decays": (0.9,), "ema_lengths": (0.05, 0.1)}
    config = recipe({**PLAIN, "train": more})
    network = build(config)
    optimizer = build_optimizer(config.train, network)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    moments = [t for name, t in optimizer_tensors(optimizer, network).items() if name.startswith("exp_avg")]
    fixed = fixed_memory(config)
    assert fixed.weights == bytes_of(network.parameters())
    assert fixed.gradients == fixed.weights
    assert fixed.moments == bytes_of(moments)
    averages = build_averages(config.train, network).values()
    assert fixed.averages == sum(bytes_of(average.weights.values()) for average in averages)


@NETWORKS
def test_the_estimate_is_what_a_step_allocates_on_the_cpu_or_up_to_a_fifth_more(values):
    config = recipe(values)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        training = trainer(config)
        events = training.run()
        while training.step < 2:
            next(events)
    allocations = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    now = peak = 0
    for allocation in sorted(allocations, key=lambda event: event.start_ns()):
        now += allocation.nbytes()
        peak = max(peak, now)
    estimate = training_memory(config)
    assert peak <= estimate.total <= 1.2 * peak


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@NETWORKS
def test_the_estimate_is_near_what_a_step_allocates_on_a_gpu(values):
    config = recipe(values, "cuda")
    before = torch.cuda.memory_allocated()
    training = trainer(config)
    events = training.run()
    while training.step < 1:
        next(events)
    torch.cuda.reset_peak_memory_stats()
    while not isinstance(next(events), StepDone):
        pass
    taken = torch.cuda.max_memory_allocated() - before
    assert training_memory(config, device="cuda").total == pytest.approx(taken, rel=0.25)


@NETWORKS
def test_what_is_surely_enough_is_more_than_the_estimate(values):
    config = recipe(values)
    assert surely_enough(config) > training_memory(config).total


def test_the_estimate_draws_no_random_number_and_keeps_no_memory():
    before = torch.random.get_rng_state()
    giant = recipe({"model": {"dim": 2048, "dim_mults": (1, 2, 4)}, "train": {"batch_size": 65_536}})
    estimate = training_memory(giant)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert estimate.total > 10**13


def test_an_estimate_reads_as_one_line():
    words = str(training_memory(recipe(PLAIN), 1))
    assert words.startswith(f"{training_memory(recipe(PLAIN), 1).total / 2**20:.1f} MiB: weights 3.8, ")
    assert words.endswith(" at 1 image")
    assert all(name in words for name in ("gradients", "AdamW", "averages", "activations"))
