"""What a recipe takes of the device that it is to train on. Imports torch where it computes: use it in a thread."""

from dataclasses import dataclass

from ddpm.config import Config
from ddpm.errors import ConfigError, DDPMError
from studio.torch_import import load_torch


@dataclass(frozen=True)
class Costs:
    """Of one recipe: what its training takes and what the device has, in words; or why it cannot be trained here.

    ``n_bytes``: what ``memory`` says in full. ``is_tight``: a step seems to need more than is free now.
    """

    config: Config
    n_bytes: int = 0
    memory: str = ""
    device: str = ""
    is_tight: bool = False
    problem: str = ""


def costs_of(config: Config) -> Costs:
    """For a recipe that knows the shape of its images; the first call waits for torch, later ones for some tenths
    of a second.
    """
    load_torch()
    from ddpm import schedules
    from ddpm.device import describe_device, device_memory, pick_device
    from ddpm.memory_estimate import training_memory

    try:
        device = pick_device(config.train.device)
        schedules.build(config.diffusion)
        if config.data.image_size is None or config.data.channels is None:
            return Costs(config, device=describe_device(device))
        needed, there = training_memory(config, None, device.type), device_memory(device)
    except DDPMError as error:
        return Costs(config, problem=str(error))
    except RuntimeError as error:  # torch, of a network that no tensor can be made for
        return Costs(config, problem=str(ConfigError(f"the network cannot be built: {error}")))
    is_tight = needed.total > there.free
    return Costs(config, needed.total, str(needed), f"{describe_device(device)}: {there}", is_tight)
