"""A compiled network trains what the uncompiled one trains, resumes exactly, and is given up where it fails."""

import os

import pytest
import torch
from conftest import TINY
from told_runs import resume, same_end, train

from ddpm import compiled
from ddpm.checkpoint import find_checkpoint, load
from ddpm.config import Config, merge
from ddpm.events import Noted, Warned
from ddpm.runs_root import create_run

# As small as a network with dropout, classes and attention can be: what compiling costs is read code, not arithmetic.
SHORT = merge(
    TINY,
    {
        "data": {"source": "digits"},
        "model": {
            "dim": 4,
            "dim_mults": (1,),
            "attention_levels": (),
            "dropout": 0.1,
            "class_conditional": True,
        },
        "train": {
            "compile": "on",
            "steps": 4,
            "checkpoint_every": 2,
            "log_every": 1,
            "batch_size": 4,
            "precision": "bfloat16",
        },
        "previews": {"every": 0},
    },
)


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def run(tmp_path, name, **train_values):
    return create_run(tmp_path, name, Config.build(merge(SHORT, {"train": train_values})))


def weights(run):
    return load(find_checkpoint(run.checkpoints_path, None), "model", "ema")[0]


def use_backend(monkeypatch, backend):
    torch.compiler.reset()
    monkeypatch.setattr(
        compiled, "compile_options", lambda cuda_graphs: {"dynamic": False, "backend": backend}
    )


def same_numbers(one, other, **tolerances):
    for stem, named in weights(one).items():
        torch.testing.assert_close(weights(other)[stem], named, **tolerances)


def test_a_compiled_run_trains_the_same_weights_by_the_same_names_and_resumes_exactly(tmp_path, monkeypatch):
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    use_backend(monkeypatch, backend)
    eager, whole, parts = (
        run(tmp_path, "eager", compile="off"),
        run(tmp_path, "whole"),
        run(tmp_path, "parts"),
    )
    train(eager, {})
    assert not graphs
    events = train(whole, {})
    assert graphs
    assert "compiled in the first step" in of(Noted, events)[0].words
    assert not of(Warned, events)
    same_numbers(whole, eager, rtol=1e-3, atol=1e-5)
    train(parts, {}, until=3)
    resume(parts, {})
    same_end(whole, parts)


@pytest.mark.parametrize("way", ["there", "back"])
def test_where_the_compiler_fails_the_run_goes_on_without_it_and_says_so(tmp_path, monkeypatch, way):
    class Fails(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            raise RuntimeError("no C++ compiler")

    def backend(graph, inputs):
        if way == "there":
            raise RuntimeError("no C++ compiler")
        return lambda *tensors: tuple(map(Fails.apply, graph(*tensors)))

    use_backend(monkeypatch, backend)
    eager, failing = run(tmp_path, "eager", compile="off"), run(tmp_path, "failing")
    train(eager, {})
    (warning,) = of(Warned, train(failing, {}))
    assert warning.step == 0
    assert "trained as it is" in warning.message
    assert "no C++ compiler" in warning.message
    same_numbers(failing, eager, rtol=0, atol=0)


@pytest.mark.skipif("DDPM_SLOW_TESTS" not in os.environ, reason="compiles kernels, which takes minutes")
@pytest.mark.timeout(900)
def test_real_kernels_train_the_same_weights_and_resume_exactly(tmp_path):
    torch.compiler.reset()
    eager, whole, parts = (
        run(tmp_path, "eager", compile="off"),
        run(tmp_path, "whole"),
        run(tmp_path, "parts"),
    )
    train(eager, {})
    assert not of(Warned, train(whole, {}))
    same_numbers(whole, eager, rtol=2e-2, atol=2e-3)
    train(parts, {}, until=3)
    torch.compiler.reset()  # as a new process would
    resume(parts, {})
    same_end(whole, parts)


def test_the_compiler_is_asked_for_what_a_resumed_run_repeats():
    graphed, plain = compiled.compile_options(True), compiled.compile_options(False)
    assert graphed["options"].pop("triton.cudagraphs") is True
    assert plain["options"].pop("triton.cudagraphs") is False
    assert graphed == plain
    assert plain["dynamic"] is False
    assert plain["options"]["fallback_random"] is True
