"""The figures of a machine as rows of a panel, and as one line where there is no room. Knows no screen."""

from collections.abc import Mapping
from dataclasses import dataclass

from studio.sysmon import GpuFigures, MachineFigures


@dataclass(frozen=True)
class SystemRow:
    """A name, the share of a bar from 0 to 1 where it has one, a figure, and what else there is to say."""

    name: str
    share: float | None
    figure: str
    note: str = ""

    @property
    def is_high(self) -> bool:
        """Whether what is used up is nearly all there is."""
        return self.name in ("memory", "RAM", "disk") and self.share is not None and self.share > 0.95


def system_rows(machine: MachineFigures, trainer: Mapping[str, int]) -> list[SystemRow]:
    """All that is known. ``trainer``: the memory that the trainer told last, in bytes, as rows of metrics have it."""
    rows = _gpu_rows(machine.gpu, trainer) if machine.gpu else []
    if not machine.gpu and "allocated" in trainer and not machine.elsewhere:
        rows.append(SystemRow("GPU", None, f"{_gib(trainer['allocated'])} GiB", "allocated"))
    cores = f"of {machine.cores}" if machine.cores > 1 else "of 1"
    used = "" if machine.process_cpu is None else f"trainer {machine.process_cpu:.1f} {cores}"
    rows.append(SystemRow("CPU", machine.cpu, _percent(machine.cpu), used or f"{machine.cores} processors"))
    process = "" if machine.process_ram is None else f"trainer {_gib(machine.process_ram)}"
    rows.append(
        SystemRow(
            "RAM",
            machine.ram_used / machine.ram_total if machine.ram_total else None,
            f"{_gib(machine.ram_used)}/{_gib(machine.ram_total)} GiB",
            process,
        )
    )
    if machine.disk_total:
        full = 1 - machine.disk_free / machine.disk_total
        rows.append(
            SystemRow("disk", full, f"{_gib(machine.disk_free)} GiB left", f"of {_gib(machine.disk_total)}")
        )
    return rows


def system_line(machine: MachineFigures, width: int) -> str:
    """The most important figures in one line of at most ``width`` characters."""
    parts = ["this machine:"] if machine.elsewhere else []
    if machine.gpu:
        gpu = machine.gpu
        told = gpu.used is not None and gpu.total is not None
        memory = f"{_gib(gpu.used or 0)}/{_gib(gpu.total or 0)} GiB" if told else ""
        parts.append(" ".join(part for part in ("GPU", _percent(gpu.busy), _heat(gpu), memory) if part))
    parts += [
        f"CPU {_percent(machine.cpu)}",
        f"RAM {_gib(machine.ram_used)}/{_gib(machine.ram_total)} GiB",
    ]
    if machine.disk_total:
        parts.append(f"disk {_gib(machine.disk_free)} GiB left")
    line = parts[0]
    for part in parts[1:]:
        if len(line) + 2 + len(part) <= width:
            line += f"  {part}"
    return line[:width]


def _gpu_rows(gpu: GpuFigures, trainer: Mapping[str, int]) -> list[SystemRow]:
    rows = [SystemRow("GPU", gpu.busy, _percent(gpu.busy), _heat(gpu))]
    if gpu.used is not None and gpu.total:
        rows.append(SystemRow("memory", gpu.used / gpu.total, f"{_gib(gpu.used)}/{_gib(gpu.total)} GiB"))
    parts = {
        "allocated": trainer.get("allocated"),
        "reserved": trainer.get("reserved"),
        "process": gpu.process,
    }
    told = [f"{name}\N{NO-BREAK SPACE}{_gib(value)}" for name, value in parts.items() if value is not None]
    if told:
        rows.append(SystemRow("", None, "", "  ".join(told)))
    return rows


def _heat(gpu: GpuFigures) -> str:
    heat = "" if gpu.celsius is None else f"{gpu.celsius:.0f}°C"
    most = "" if gpu.most_watts is None else f"/{gpu.most_watts:.0f}"
    power = "" if gpu.watts is None else f"{gpu.watts:.0f}{most} W"
    return " ".join(part for part in (heat, power) if part)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _gib(n_bytes: int) -> str:
    value = n_bytes / 2**30
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"
