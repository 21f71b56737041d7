"""A device that is too small for a recipe: refused or warned of before anything is built."""

import pytest
import torch
from conftest import TINY

from ddpm import device, memory_check
from ddpm.config import Config, merge
from ddpm.device import DeviceMemory, device_memory
from ddpm.errors import MemoryFullError
from ddpm.events import Warned
from ddpm.memory_check import refuse_too_large, warn_if_tight
from ddpm.memory_estimate import fixed_memory, training_memory
from ddpm.runs_root import create_run
from ddpm.session import train_run

CPU = torch.device("cpu")


def recipe(**values):
    return Config.build(merge(TINY, {"data": {"image_size": [8, 8], "channels": 1}, **values}))


@pytest.fixture
def memory_of(monkeypatch):
    """Lets the device have so much memory, and so much of it free."""

    def set_memory(total, free):
        monkeypatch.setattr(memory_check, "device_memory", lambda device: DeviceMemory(total, free))

    return set_memory


def test_a_network_larger_than_the_machine_is_one_sentence_and_not_built(tmp_path):
    giant = recipe(model={"dim": 2048, "dim_mults": (8, 16, 32, 64)}, train={"ema_more_decays": (0.9,)})
    assert fixed_memory(giant).total > device_memory(CPU).total
    run = create_run(tmp_path, "giant", giant)
    with pytest.raises(MemoryFullError) as refused:
        list(train_run(run, data_root=tmp_path, take_commands=list))
    sentence = str(refused.value)
    assert all(
        word in sentence for word in ("GiB: weights", "AdamW", "averages", "free", "smaller model.dim")
    )
    assert run.status().state == "failed"
    assert run.status().message == sentence


def test_a_recipe_is_refused_where_its_parameters_alone_exceed_the_whole_device(memory_of):
    config = recipe()
    needed = fixed_memory(config).total
    memory_of(needed, 0)
    refuse_too_large(config, CPU)
    memory_of(needed - 1, 0)
    with pytest.raises(MemoryFullError, match="before a single image"):
        refuse_too_large(config, CPU)


def test_a_step_that_needs_more_than_is_free_is_warned_of_and_trains(memory_of, tmp_path):
    needed = training_memory(recipe()).total
    memory_of(10 * 2**30, needed)
    assert warn_if_tight(recipe(), CPU) == []
    memory_of(10 * 2**30, needed - 1)
    (words,) = warn_if_tight(recipe(), CPU)
    assert "activations" in words
    assert "10.0 GiB, " in words
    assert warn_if_tight(recipe(train={"microbatch": 1}), CPU) == []
    run = create_run(tmp_path, "tight", recipe(train={"steps": 1}, previews={"every": 0}))
    events = list(train_run(run, data_root=tmp_path, take_commands=list))
    assert [event.message for event in events if isinstance(event, Warned)] == [words]
    assert events[-1].state == "finished"


@pytest.mark.parametrize("written", ["1000000\n", "max\n", None])
def test_the_memory_of_a_container_is_what_it_may_have(tmp_path, monkeypatch, written):
    limit = tmp_path / "memory.max"
    if written:
        limit.write_text(written)
    monkeypatch.setattr(device, "_CGROUP_LIMIT", limit)
    memory = device_memory(CPU)
    assert 0 < memory.free <= memory.total
    assert (memory.total == 1_000_000) == (written == "1000000\n")
