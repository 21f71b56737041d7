"""The network of a training step, compiled by torch where a recipe asks for it."""

from typing import Any

import torch
from torch import nn

from ddpm.objectives import Network

# Forms of one piece of code, by number of images and network, that a process may compile; torch's own limit is 8.
_MOST_FORMS = 64


class CompiledNetwork:
    """A network as torch compiles it; its weights are the network's own.

    Nothing is compiled before the first call, which then takes a minute or more. That call and the way back from it
    raise whatever a compiler raises, such as that there is none on this machine.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._compiled: dict[bool, Network] = {}

    def for_step(self, *, cuda_graphs: bool) -> Network:
        """The network to call in one step; only once with ``cuda_graphs``, as a replay writes over the last one."""
        if cuda_graphs:
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        if cuda_graphs not in self._compiled:
            self._compiled[cuda_graphs] = _compile(self._network, cuda_graphs)
        return self._compiled[cuda_graphs]


def _compile(network: nn.Module, cuda_graphs: bool) -> Network:
    import torch._dynamo  # the compiler, which takes seconds

    # Beyond its limit torch goes on uncompiled without a word, and a run resumed in a new process would not.
    torch._dynamo.config.recompile_limit = _MOST_FORMS
    torch._dynamo.config.fail_on_recompile_limit_hit = True
    return torch.compile(network, **compile_options(cuda_graphs))


def compile_options(cuda_graphs: bool) -> dict[str, Any]:
    """How torch.compile is called, so that a resumed run computes what the run before it would have computed.

    Each number of images is compiled for by itself, whatever came before; kernels are not chosen by racing them; and
    dropout draws as it does uncompiled.
    """
    from torch._inductor import list_options

    options = {"triton.cudagraphs": cuda_graphs, "fallback_random": True, "deterministic": True}
    known = list_options()  # "deterministic" came after torch 2.8
    return {"dynamic": False, "options": {name: value for name, value in options.items() if name in known}}
