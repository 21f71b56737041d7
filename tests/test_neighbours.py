"""Two runs on one GPU: allowed, and said."""

import socket
from contextlib import ExitStack

import pytest
import torch
from conftest import TINY

from ddpm import neighbours
from ddpm.config import Config, merge
from ddpm.device import DeviceMemory
from ddpm.events import Warned
from ddpm.neighbours import runs_beside, warn_of_neighbours
from ddpm.runs import Status
from ddpm.runs_root import create_run
from ddpm.session import train_run

GPU = torch.device("cuda:1")


@pytest.fixture
def trained(tmp_path):
    """Makes runs that are being trained, each on a device of a machine."""
    with ExitStack() as locks:

        def train(name, device, host=None, *, alive=True):
            run = create_run(tmp_path, name, Config())
            run.write_status(Status("running", host=host or socket.gethostname(), device=device))
            if alive:
                locks.enter_context(run.locked())
            return run

        yield train


def test_neighbours_are_the_living_runs_on_the_same_gpu_of_this_machine(trained):
    mine = trained("mine", "NVIDIA H200 (cuda:1)")
    trained("beside", "NVIDIA H200 (cuda:1)")
    trained("twelfth", "NVIDIA H200 (cuda:11)")
    trained("elsewhere", "NVIDIA H200 (cuda:1)", host="another-machine")
    trained("dead", "NVIDIA H200 (cuda:1)", alive=False)
    trained("on-the-cpu", "CPU, 2 threads")
    assert runs_beside(mine, GPU) == ["beside"]
    assert runs_beside(mine, torch.device("cuda")) == []
    assert runs_beside(mine, torch.device("cpu")) == []


def test_neighbours_are_told_with_the_memory_that_they_leave(trained, monkeypatch):
    monkeypatch.setattr(neighbours, "device_memory", lambda device: DeviceMemory(16 * 2**30, 3 * 2**30))
    mine = trained("mine", "NVIDIA H200 (cuda:1)")
    assert warn_of_neighbours(mine, GPU) == []
    trained("a", "NVIDIA H200 (cuda:1)")
    assert warn_of_neighbours(mine, GPU) == ["a trains on cuda:1 as well, which has 16.0 GiB, 3.0 GiB free"]
    trained("b", "NVIDIA H200 (cuda:1)")
    assert warn_of_neighbours(mine, GPU) == ["a, b train on cuda:1 as well, which has 16.0 GiB, 3.0 GiB free"]


def test_a_run_that_starts_beside_another_says_so_and_trains(tmp_path, monkeypatch):
    """On the CPU neighbours are not looked for, so here they are given."""
    monkeypatch.setattr(neighbours, "runs_beside", lambda run, device: ["other"])
    run = create_run(
        tmp_path, "mine", Config.build(merge(TINY, {"train": {"steps": 1}, "previews": {"every": 0}}))
    )
    events = list(train_run(run, data_root=tmp_path, take_commands=list))
    assert next(event.message for event in events if isinstance(event, Warned)).startswith("other trains on ")
    assert events[-1].state == "finished"
