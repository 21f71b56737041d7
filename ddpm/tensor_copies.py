"""Copies of tensors in the machine's own memory: the same bytes however the tensors change meanwhile."""

import torch
from torch import Tensor

from ddpm.device import device_memory, is_out_of_memory

# Every tensor begins at a multiple of so many bytes, which suits all types of numbers.
_ALIGNMENT = 64


class TensorCopies:
    """Holds one copy of named groups of tensors, in memory that the next copy is made into.

    Memory that is asked for anew costs several times the copying itself, as the system clears it page by page.
    """

    def __init__(self) -> None:
        self._memory = torch.empty(0, dtype=torch.uint8)

    def take(self, tensors: dict[str, dict[str, Tensor]]) -> dict[str, dict[str, Tensor]] | None:
        """Copy tensors of any device and shapes to the CPU; what was copied before is overwritten.

        None where there is too little memory for it; nothing is copied then.
        """
        needed = sum(_room(tensor) for named in tensors.values() for tensor in named.values())
        devices = {tensor.device for named in tensors.values() for tensor in named.values()}
        on_cuda = [device for device in devices if device.type == "cuda"]
        if self._memory.numel() < needed and not self._grow(needed, pinned=bool(on_cuda)):
            return None
        copies: dict[str, dict[str, Tensor]] = {stem: {} for stem in tensors}
        begin = 0
        for stem, named in tensors.items():
            for name, tensor in named.items():
                copies[stem][name] = self._copy(tensor, begin)
                begin += _room(tensor)
        for device in on_cuda:
            torch.cuda.synchronize(device)
        return copies

    def _grow(self, needed: int, pinned: bool) -> bool:
        """Get memory of that size, pinned for a GPU to write into at full speed; False where it is too much."""
        # As much again stays free: a system without memory ends programs, without a word.
        if 2 * needed > device_memory(torch.device("cpu")).free:
            return False
        self._memory = torch.empty(0, dtype=torch.uint8)  # the old memory, before the new
        try:
            self._memory = torch.empty(needed, dtype=torch.uint8, pin_memory=pinned)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return False
        return True

    def _copy(self, tensor: Tensor, begin: int) -> Tensor:
        size = tensor.numel() * tensor.element_size()
        copy = self._memory[begin : begin + size].view(tensor.dtype).view(tensor.shape)
        return copy.copy_(tensor.detach(), non_blocking=tensor.device.type == "cuda")


def _room(tensor: Tensor) -> int:
    return -(-tensor.numel() * tensor.element_size() // _ALIGNMENT) * _ALIGNMENT
