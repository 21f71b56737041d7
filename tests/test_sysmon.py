"""Figures of this machine: real ones of its processor, memory and disk; a driver that is played for its GPUs."""

import os
import socket
from types import SimpleNamespace

import psutil
import pytest

from ddpm.runs import Status
from studio.sysmon import GpuFigures, MachineFigures, MachineSampler
from studio.system_rows import system_line, system_rows

GIB = 2**30
HERE = Status(state="running", pid=os.getpid(), host=socket.gethostname(), device="CPU, 2 threads")


class Driver:
    """Answers as pynvml does for two GPUs; the trainer's process computes on the second."""

    NVML_TEMPERATURE_GPU = 0

    class NVMLError(Exception):
        pass

    def __init__(self, pid, missing=()):
        self.pid, self.missing = pid, missing

    def nvmlInit(self):
        if "nvmlInit" in self.missing:
            raise self.NVMLError("Driver Not Loaded")

    def nvmlDeviceGetCount(self):
        return 2

    def nvmlDeviceGetHandleByIndex(self, index):
        return index

    def __getattribute__(self, name):
        if name.startswith("nvmlDevice") and name in self.missing:
            return self._refuse
        return super().__getattribute__(name)

    def _refuse(self, *arguments):
        raise self.NVMLError("Not Supported")

    def nvmlDeviceGetName(self, handle):
        return f"GPU {handle}"

    def nvmlDeviceGetMemoryInfo(self, handle):
        return SimpleNamespace(used=(10 + handle) * GIB, total=80 * GIB)

    def nvmlDeviceGetUtilizationRates(self, handle):
        return SimpleNamespace(gpu=87)

    def nvmlDeviceGetPowerUsage(self, handle):
        return 312_400

    def nvmlDeviceGetEnforcedPowerLimit(self, handle):
        return 700_000

    def nvmlDeviceGetTemperature(self, handle, sensor):
        return 61

    def nvmlDeviceGetComputeRunningProcesses(self, handle):
        return [SimpleNamespace(pid=self.pid, usedGpuMemory=9 * GIB)] if handle == 1 else []


def on(device, **changes):
    return Status(**{"state": "running", "pid": HERE.pid, "host": HERE.host, "device": device, **changes})


def test_processor_memory_and_disk_of_this_machine_and_what_the_trainer_takes(tmp_path):
    sampler = MachineSampler(tmp_path)
    first, second = (sampler.sample(HERE, alive=True) for _ in range(2))
    assert (first.cpu, first.process_cpu) == (None, None)  # a share of no time is none
    assert 0 <= second.cpu <= 1
    assert second.process_cpu >= 0
    assert second.ram_total == psutil.virtual_memory().total
    assert 0 < second.process_ram < second.ram_used <= second.ram_total
    assert 0 < second.disk_free <= second.disk_total
    assert (second.gpu, second.elsewhere) == (None, "")


def test_of_a_run_that_is_over_or_a_process_that_is_gone_nothing_is_told(tmp_path):
    gone = Status(state="running", pid=2**22 + 1, host=HERE.host)
    for status, alive in ((HERE, False), (gone, True), (Status(state="stopped"), True)):
        figures = MachineSampler(tmp_path).sample(status, alive=alive)
        assert (figures.process_cpu, figures.process_ram) == (None, None)


def test_a_run_of_another_machine_is_said_to_be_elsewhere(tmp_path):
    other = Status(state="running", pid=os.getpid(), host="box", device="NVIDIA H200 (cuda:0)")
    figures = MachineSampler(tmp_path, Driver(other.pid)).sample(other, alive=True)
    assert figures.elsewhere == "box"
    assert (figures.gpu, figures.process_ram) == (None, None)
    assert system_line(figures, 200).startswith("this machine:")


def test_the_gpu_is_the_one_that_the_trainers_process_is_on(tmp_path):
    figures = MachineSampler(tmp_path, Driver(HERE.pid)).sample(on("GPU (cuda:0)"), alive=True)
    assert figures.gpu == GpuFigures("GPU 1", 0.87, 11 * GIB, 80 * GIB, 9 * GIB, 61, 312.4, 700.0)


@pytest.mark.parametrize(("visible", "name"), [("", "GPU 0"), ("1,0", "GPU 1"), ("GPU-4f7a", "GPU 0")])
def test_a_process_that_the_driver_does_not_list_is_found_by_its_number(tmp_path, monkeypatch, visible, name):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    figures = MachineSampler(tmp_path, Driver(pid=-1)).sample(on("GPU (cuda:0)"), alive=True)
    assert (figures.gpu.name, figures.gpu.process) == (name, None)


def test_what_a_driver_does_not_know_is_left_out_and_without_a_driver_there_is_no_gpu(tmp_path):
    missing = {"nvmlDeviceGetUtilizationRates", "nvmlDeviceGetPowerUsage", "nvmlDeviceGetTemperature"}
    partly = MachineSampler(tmp_path, Driver(HERE.pid, missing)).sample(on("GPU (cuda:0)"), alive=True).gpu
    assert (partly.busy, partly.watts, partly.celsius, partly.used) == (None, None, None, 11 * GIB)
    sampler = MachineSampler(tmp_path, Driver(HERE.pid, {"nvmlInit"}))
    assert sampler.sample(on("GPU (cuda:0)"), alive=True).gpu is None


GPU = GpuFigures("GPU 0", 0.5, 40 * GIB, 80 * GIB, 9 * GIB, 61, 312.4, 700.0)
MACHINE = MachineFigures(0.25, 16, 21 * GIB, 128 * GIB, 44 * GIB, 64 * GIB, 1.5, GIB, GPU)


def test_rows_have_every_figure_and_the_line_as_many_as_fit():
    rows = system_rows(MACHINE, {"allocated": 8 * GIB, "reserved": 9 * GIB})
    assert [(row.name, row.share, row.figure, row.note) for row in rows] == [
        ("GPU", 0.5, "50%", "61°C 312/700 W"),
        ("memory", 0.5, "40/80 GiB", ""),
        ("", None, "", "allocated\xa08.0  reserved\xa09.0  process\xa09.0"),
        ("CPU", 0.25, "25%", "trainer 1.5 of 16"),
        ("RAM", 21 / 128, "21/128 GiB", "trainer 1.0"),
        ("disk", 1 - 44 / 64, "44 GiB left", "of 64"),
    ]
    line = system_line(MACHINE, 78)
    assert line == "GPU 50% 61°C 312/700 W 40/80 GiB  CPU 25%  RAM 21/128 GiB  disk 44 GiB left"
    assert system_line(MACHINE, 45) == "GPU 50% 61°C 312/700 W 40/80 GiB  CPU 25%"


def test_on_a_mac_the_memory_that_the_trainer_told_is_shown():
    plain = MachineFigures(None, 8, GIB, 16 * GIB, GIB, 100 * GIB)
    assert [row.name for row in system_rows(plain, {"allocated": GIB})] == ["GPU", "CPU", "RAM", "disk"]
    assert [row.is_high for row in system_rows(plain, {})] == [False, False, True]
