"""The other runs that share a GPU with one: allowed, but said, as their memory adds up."""

import socket

import torch

from ddpm.device import device_memory
from ddpm.runs import Run
from ddpm.runs_root import list_runs


def runs_beside(run: Run, device: torch.device) -> list[str]:
    """The names of the other runs in the same folder that are being trained on this machine's same CUDA device.

    Empty on any other kind of device. Devices are told apart by their number, so that programs which were given
    different ones by CUDA_VISIBLE_DEVICES look like neighbours.
    """
    if device.type != "cuda":
        return []
    mark, host = f"(cuda:{device.index or 0})", socket.gethostname()
    found = []
    for other in list_runs(run.path.parent):
        if other.path.name == run.path.name or not other.is_training():
            continue
        status = other.status()
        if status.host == host and status.device.endswith(mark):
            found.append(other.name)
    return found


def warn_of_neighbours(run: Run, device: torch.device) -> list[str]:
    """A sentence where other runs are on the device: which, and how much memory they leave."""
    names = runs_beside(run, device)
    if not names:
        return []
    verb = "trains" if len(names) == 1 else "train"
    where = f"cuda:{device.index or 0}"
    return [f"{', '.join(names)} {verb} on {where} as well, which has {device_memory(device)}"]
