"""A step in parts is the step of the whole batch; where memory ends parts are made, by a resumed run as well."""

import itertools

import pytest
import torch
from conftest import TINY
from networks import waken
from safetensors.torch import load_file
from test_trainer import digits, of, trainer  # noqa: F401

from ddpm import schedules, unet
from ddpm.changes import Change
from ddpm.checkpoint import find_checkpoint
from ddpm.config import Config, merge
from ddpm.draws import Draws
from ddpm.errors import MemoryFullError
from ddpm.events import CheckpointDue, MetricsLogged, StepDone, Warned
from ddpm.microbatches import accumulate_gradients
from ddpm.objectives import diffusion_loss
from ddpm.runs_root import create_run
from ddpm.session import train_run
from ddpm.unet import UNet

BATCH = 8


def gradients(values, images, dtype):
    """Loss and gradients of one batch of 7 on a network of the recipe, taken so many images at a time."""
    config = Config.build(
        merge(TINY, {"data": {"image_size": [8, 8], "channels": 1, "class_names": ["a", "b"]}, **values})
    )
    torch.manual_seed(0)
    network = waken(unet.build(config)).to(dtype)
    schedule = schedules.build(config.diffusion)
    draw = torch.Generator().manual_seed(1)
    x_0, eps = (torch.randn(7, 1, 8, 8, generator=draw, dtype=dtype) for _ in range(2))
    labels = torch.randint(3, (7,), generator=draw) if config.num_classes else None
    draws = Draws(x_0, torch.randint(50, (7,), generator=draw), eps, labels)

    def losses_of(part):
        return diffusion_loss(network, config.diffusion, schedule, part.x_0, part.t, part.eps, part.labels)

    loss = accumulate_gradients(losses_of, draws, images)
    assert torch.equal(loss.each.mean(), loss.mean) or images < len(draws)
    return loss.mean, torch.cat([parameter.grad.flatten() for parameter in network.parameters()])


HARD = {
    "model": {"class_conditional": True, "block": "convnext", "linear_attention_levels": (0,)},
    "diffusion": {"prediction": "v", "variance": "learned", "loss": "huber", "loss_weight": "min-snr"},
}


@pytest.mark.parametrize("values", [{}, HARD], ids=["plain", "hard"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_parts_of_any_size_give_the_gradient_of_the_whole_batch(values, dtype, tolerance):
    loss, whole = gradients(values, 7, dtype)
    for images in (1, 2, 3, 4, 5, 6, 99):
        part_loss, parts = gradients(values, images, dtype)
        assert (parts - whole).norm() <= tolerance * whole.norm()
        assert part_loss.item() == pytest.approx(loss.item(), rel=tolerance)


def weights(training):
    return of(CheckpointDue, training.run())[-1].tensors["model"]


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_in_parts_learns_what_the_whole_batches_teach(digits):  # noqa: F811
    whole = weights(trainer(digits, **SHORT))
    assert same(whole, weights(trainer(digits, **merge(SHORT, {"train": {"microbatch": BATCH}}))))
    assert same(whole, weights(trainer(digits, **merge(SHORT, {"train": {"microbatch": 1000}}))))
    parts = weights(trainer(digits, **merge(SHORT, {"train": {"microbatch": 3}})))
    assert not same(whole, parts)
    # AdamW's first steps turn a rounding of a small gradient into one of the weight, of the size of the lr.
    assert max((whole[name] - parts[name]).abs().max() for name in whole) < 1e-3


@pytest.fixture
def room(monkeypatch):
    """Lets memory end where more than so many images are in training at once, from a call of the network on."""

    def cramp(images, *, call=0, backward=False):
        forward, calls = UNet.forward, itertools.count()

        def end():
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

        def cramped(self, x_t, t, labels=None):
            # A tensor of the estimate needs no memory.
            full = type(x_t) is torch.Tensor and next(calls) >= call and len(x_t) > images
            if full and not backward:
                end()
            if full:  # at the end of the way back, when most gradients are there already
                hook = self.input.weight.register_hook(lambda _: (hook.remove(), end()))
            return forward(self, x_t, t, labels)

        monkeypatch.setattr(UNet, "forward", cramped)
        return lambda: monkeypatch.setattr(UNet, "forward", forward)

    return cramp


SHORT = {"train": {"steps": 6, "log_every": 1}, "previews": {"every": 0}}
EVERYTHING = {
    "data": {"flip": True},
    "model": {"class_conditional": True, "dropout": 0.2},
    "train": {"label_dropout": 0.3, "ema_more_decays": (0.9,)},
}


@pytest.mark.parametrize(("call", "step"), [(0, 0), (4, 4)])
@pytest.mark.parametrize("backward", [False, True])
def test_a_step_that_memory_is_too_small_for_is_made_in_parts_with_the_same_draws(
    digits,  # noqa: F811
    room,
    call,
    step,
    backward,
):
    """As the run that was told to make parts from that step on, bit for bit."""
    release = room(2, call=call, backward=backward)
    cramped = trainer(digits, **merge(SHORT, EVERYTHING))
    events = list(cramped.run())
    release()
    first, second = of(Warned, events)
    assert first.message.startswith(f"memory ended in step {step + 1}, so its 8 images go")
    assert "4 at a time" in first.message
    assert "2 at a time" in second.message
    assert cramped.config.changes == (
        Change(step=step, microbatch=4, reason="memory"),
        Change(step=step, microbatch=2, reason="memory"),
    )
    assert [event.step for event in of(StepDone, events)] == list(range(1, 7))
    told = trainer(digits, **merge(SHORT, EVERYTHING))
    told.config = cramped.config
    assert same(of(CheckpointDue, events)[-1].tensors["model"], weights(told))


def test_a_run_short_of_memory_learns_what_one_with_enough_of_it_learns(digits, room):  # noqa: F811
    losses = []
    for images in (BATCH, 3):
        release = room(images, call=2)
        losses.append([event.loss for event in of(MetricsLogged, trainer(digits, **SHORT).run())])
        release()
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert losses[0] != losses[1]


def test_memory_for_not_even_one_image_is_one_sentence_with_what_is_needed(digits, room):  # noqa: F811
    room(0)
    cramped = trainer(digits)
    with pytest.raises(MemoryFullError) as told:
        list(cramped.run())
    sentence = str(told.value)
    assert all(
        word in sentence for word in ("MiB: weights", "activations", "at 1 image;", "free", "Use a smaller")
    )
    assert cramped.step == 0


def test_memory_that_ends_in_the_update_is_told_too(digits, monkeypatch):  # noqa: F811
    cramped = trainer(digits)

    def end():
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(cramped.optimizer, "step", end)
    with pytest.raises(MemoryFullError, match=r"AdamW .* at 8 images"):
        list(cramped.run())


def test_another_error_of_the_network_is_no_lack_of_memory(digits, monkeypatch):  # noqa: F811
    def broken(self, x_t, t, labels=None):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(UNet, "forward", broken)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        list(trainer(digits).run())


@pytest.mark.parametrize("killed_at", [7, 9])
def test_a_run_that_was_short_of_memory_resumes_to_the_same_end(tmp_path, room, killed_at):
    """The memory is back when it is resumed, from a checkpoint before the fault; the parts stay."""
    config = Config.build(merge(TINY, merge(SHORT, {"train": {"steps": 10}})))
    runs = [create_run(tmp_path, name, config) for name in ("whole", "killed")]
    for run in runs:
        release = room(3, call=6)
        for event in train_run(run, data_root=tmp_path, take_commands=list):
            if run is runs[1] and isinstance(event, StepDone) and event.step == killed_at:
                break
        release()
    checkpoint = find_checkpoint(runs[1].checkpoints_path, None)
    assert checkpoint.step == 5
    list(train_run(runs[1], data_root=tmp_path, take_commands=list, checkpoint=checkpoint))
    assert [change.step for change in runs[1].config().changes] == [6, 6]
    kinds = [event["kind"] for event in runs[1].events()]
    assert kinds.count("changed") == 2
    ends = [load_file(run.checkpoints()[-1].path / "model.safetensors") for run in runs]
    assert same(*ends)
    rows = [[(row["step"], row["loss"]) for row in run.metrics()] for run in runs]
    assert rows[0] == rows[1]
