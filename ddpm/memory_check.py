"""What is said where the memory of a device is too small for a recipe, with the numbers that show it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ddpm.config import Config
from ddpm.device import device_memory, is_out_of_memory
from ddpm.errors import MemoryFullError
from ddpm.memory_estimate import fixed_memory, images_at_once, surely_enough, training_memory

_SMALLER = "a smaller model.dim, model.dim_mults or data.image_size, or a device with more memory"


def refuse_too_large(config: Config, device: torch.device) -> None:
    """Raise MemoryFullError where a recipe's parameters alone take more than the whole device has.

    To be called before anything is built: on Linux a process that uses up the machine's memory is killed.
    """
    needed, memory = fixed_memory(config), device_memory(device)
    if needed.total > memory.total:
        raise MemoryFullError(
            f"Training this network needs about {needed}, before a single image; this device has {memory}. "
            f"Use {_SMALLER}."
        )


def warn_if_tight(config: Config, device: torch.device) -> list[str]:
    """A sentence where a step seems to need more than is free on the device now, with nothing built yet."""
    memory = device_memory(device)
    if surely_enough(config) <= memory.free:
        return []
    needed = training_memory(config, device=device.type)
    if needed.total <= memory.free:
        return []
    then = (
        "the system may end it without a word; choose a smaller train.microbatch"
        if device.type == "cpu"
        else "where memory ends, fewer images are taken at once, as train.microbatch does from the start"
    )
    return [f"training needs about {needed}; this device has {memory}: {then}"]


def too_little_memory(config: Config, images: int, device: torch.device) -> MemoryFullError:
    """The error for what can do with no less memory, with what training needs at so many images at once."""
    needed = training_memory(config, images, device.type)
    return MemoryFullError(
        f"The memory of the device is used up: training needs about {needed}; this device has "
        f"{device_memory(device)}. Use {_SMALLER}."
    )


@contextmanager
def told_with_estimate(config: Config, device: torch.device) -> Iterator[None]:
    """Turn an error that says that memory is used up into that of too_little_memory."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise too_little_memory(config, images_at_once(config), device) from None
