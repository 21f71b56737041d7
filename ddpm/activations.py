"""What a network keeps of its images for the way back, measured without a number being computed."""

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks

from ddpm import unet
from ddpm.config import Config
from ddpm.device import pick_precision

# The way back through a layer needs the gradients of what it gave and of what it took.
_GRADIENTS_AT_ONCE = 2
# Of a storage that torch has no number for; no machine has so much.
_BEYOND_COUNTING = 2**63


def activation_bytes(config: Config, images: int, device: str = "cpu") -> int:
    """Bytes that a forward pass of so many images leaves for the backward pass, and what that takes by itself.

    Counted on tensors that have shapes and no memory (torch's FakeTensorMode), each storage once, the bfloat16
    copies of autocast included; on top come the gradients of the largest map. Convolutions on a GPU may take room of
    their own. Raises ConfigError where unet.build does.
    """
    kept: dict[int, torch.UntypedStorage] = {}  # held, as the place of one that is freed is taken by another

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage
        return tensor

    kind = "cuda" if device == "cuda" and torch.cuda.is_available() else "cpu"
    precision = pick_precision(config.train.precision, torch.device(kind))
    autocast = torch.autocast(kind, precision, enabled=precision != torch.float32)
    with FakeTensorMode(), torch.device(kind):
        network = unet.build(config)
        x_t = torch.empty(images, *config.data.shape)
        t = torch.zeros(images, dtype=torch.int64)
        try:
            with autocast, saved_tensors_hooks(keep, lambda tensor: tensor):
                network(x_t, t)
        except RuntimeError as error:
            if "overflow" not in str(error):
                raise
            return _BEYOND_COUNTING
    for parameter in network.parameters():
        kept.pop(parameter.untyped_storage()._cdata, None)
    sizes = [storage.nbytes() for storage in kept.values()]
    return sum(sizes) + _GRADIENTS_AT_ONCE * max(sizes, default=0)
