"""What this machine is doing: GPU, processor, memory and disk, and what one trainer takes of them. Knows no screen."""

import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from ddpm.runs import Status

_CUDA = re.compile(r"cuda:(\d+)")


@dataclass(frozen=True)
class GpuFigures:
    """Memory in bytes, of which ``process`` is the trainer's; a share from 0 to 1; None for what it does not tell."""

    name: str
    busy: float | None
    used: int | None
    total: int | None
    process: int | None
    celsius: float | None
    watts: float | None
    most_watts: float | None


@dataclass(frozen=True)
class MachineFigures:
    """Shares from 0 to 1, memory in bytes, ``process_cpu`` in processors; None for what is not known.

    ``elsewhere``: the host that the run is trained on, where that is another one: these figures say nothing of it.
    """

    cpu: float | None
    cores: int
    ram_used: int
    ram_total: int
    disk_free: int
    disk_total: int
    process_cpu: float | None = None
    process_ram: int | None = None
    gpu: GpuFigures | None = None
    elsewhere: str = ""


class MachineSampler:
    """Takes figures for one run directory. Call ``sample`` about once a second, from one thread at a time."""

    def __init__(self, folder: Path, nvml: Any = None) -> None:
        """``nvml``: the module pynvml, or what behaves like it; None: that of nvidia-ml-py, where there is a GPU."""
        self._folder = folder
        self._nvml = nvml
        self._nvml_ready: bool | None = None
        self._process: psutil.Process | None = None
        self._cpu_since = False

    def sample(self, status: Status, *, alive: bool) -> MachineFigures:
        """The figures now; those of a process only while the run is ``alive`` on this machine.

        Takes some milliseconds. Never raises: what cannot be told is None.
        """
        elsewhere = status.host if status.host not in ("", socket.gethostname()) else ""
        trains_here = alive and not elsewhere
        memory = psutil.virtual_memory()
        disk_total, disk_free = self._disk()
        process_cpu, process_ram = self._process_figures(status.pid) if trains_here else (None, None)
        on_gpu = "cuda" in status.device and not elsewhere
        return MachineFigures(
            cpu=self._cpu(),
            cores=psutil.cpu_count() or 1,
            ram_used=memory.total - memory.available,
            ram_total=memory.total,
            disk_free=disk_free,
            disk_total=disk_total,
            process_cpu=process_cpu,
            process_ram=process_ram,
            gpu=self._gpu(status, trains_here) if on_gpu else None,
            elsewhere=elsewhere,
        )

    def _cpu(self) -> float | None:
        # A mean since the call before: the first one has none.
        share = psutil.cpu_percent() / 100
        known, self._cpu_since = self._cpu_since, True
        return share if known else None

    def _disk(self) -> tuple[int, int]:
        try:
            usage = psutil.disk_usage(str(self._folder))
        except OSError:
            return 0, 0
        return usage.total, usage.free

    def _process_figures(self, pid: int) -> tuple[float | None, int | None]:
        try:
            if self._process is None or self._process.pid != pid:
                self._process = psutil.Process(pid)
                self._process.cpu_percent()
                return None, self._process.memory_info().rss
            return self._process.cpu_percent() / 100, self._process.memory_info().rss
        except (psutil.Error, OSError, ValueError):
            self._process = None
            return None, None

    # The GPU

    def _gpu(self, status: Status, alive: bool) -> GpuFigures | None:
        if not self._nvml_is_ready():
            return None
        nvml = self._nvml
        handle = self._handle_of(status, alive)
        if handle is None:
            return None
        name = self._told(nvml.nvmlDeviceGetName, handle)
        memory = self._told(nvml.nvmlDeviceGetMemoryInfo, handle)
        rates = self._told(nvml.nvmlDeviceGetUtilizationRates, handle)
        watts = self._told(nvml.nvmlDeviceGetPowerUsage, handle)
        most_watts = self._told(nvml.nvmlDeviceGetEnforcedPowerLimit, handle)
        return GpuFigures(
            name=name.decode() if isinstance(name, bytes) else str(name or "GPU"),
            busy=None if rates is None else rates.gpu / 100,
            used=None if memory is None else int(memory.used),
            total=None if memory is None else int(memory.total),
            process=self._processes(handle).get(status.pid) if alive else None,
            celsius=self._told(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
            watts=None if watts is None else watts / 1000,
            most_watts=None if most_watts is None else most_watts / 1000,
        )

    def _nvml_is_ready(self) -> bool:
        if self._nvml_ready is None:
            try:
                if self._nvml is None:
                    import pynvml  # nobody without a GPU pays for it

                    self._nvml = pynvml
                self._nvml.nvmlInit()
                self._nvml_ready = True
            except Exception:  # no package, no driver, or one that does not answer
                self._nvml_ready = False
        return self._nvml_ready

    def _handle_of(self, status: Status, alive: bool) -> Any:
        """The GPU that the trainer's process is on; else the one that CUDA would give its number to here."""
        count = self._told(self._nvml.nvmlDeviceGetCount) or 0
        handles = [self._told(self._nvml.nvmlDeviceGetHandleByIndex, index) for index in range(count)]
        if alive:
            for handle in handles:
                if handle is not None and status.pid in self._processes(handle):
                    return handle
        named = _CUDA.search(status.device)
        index = _visible(int(named[1]) if named else 0)
        return handles[index] if index < count else None

    def _processes(self, handle: Any) -> dict[int, int | None]:
        """The memory of each process that computes on a GPU, in bytes; None where the driver does not tell it."""
        found = self._told(self._nvml.nvmlDeviceGetComputeRunningProcesses, handle) or []
        return {process.pid: process.usedGpuMemory for process in found}

    def _told(self, ask: Callable[..., Any], *arguments: Any) -> Any:
        """What the driver answers; None for what it does not know of this GPU."""
        try:
            return ask(*arguments)
        except self._nvml.NVMLError:
            return None


def _visible(index: int) -> int:
    """The number that the driver has for CUDA's number of a GPU, as far as the environment tells."""
    numbers = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    chosen = numbers[index].strip() if index < len(numbers) else ""
    return int(chosen) if chosen.isdecimal() else index
