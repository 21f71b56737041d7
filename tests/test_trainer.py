"""The trainer as a generator: what it says, what it can be told, and that it learns."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY

from ddpm.config import Config, DataConfig, merge
from ddpm.data import DeviceImages, to_uint8
from ddpm.datasets import load_images, resolve
from ddpm.draws import draw_step
from ddpm.errors import DataError, TrainingError
from ddpm.events import (
    CheckpointDue,
    Idle,
    MetricsLogged,
    PreviewDrawn,
    PreviewProgress,
    StateChanged,
    StepDone,
    Warned,
)
from ddpm.generate import denoise
from ddpm.held_out import HeldOut
from ddpm.loss_bins import LOSS_BINS
from ddpm.objectives import diffusion_loss
from ddpm.sample_config import SampleConfig
from ddpm.sources.imageset import ImageSet
from ddpm.trainer import Trainer
from ddpm.training_data import open_training_data
from ddpm.unet import UNet


@pytest.fixture(scope="module")
def digits():
    return load_images(DataConfig(source="digits"), Path("unused"))


def recipe(images, **overrides):
    config = Config.build(merge(TINY, overrides))
    return config.model_copy(update={"data": resolve(config.data, images)})


def trainer(images, **overrides):
    config = recipe(images, **overrides)
    return Trainer(config, DeviceImages(images, config.train.seed, flip=config.data.flip))


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def test_a_run_tells_its_whole_story_in_order(digits):
    events = list(trainer(digits).run())
    assert [event.step for event in of(StepDone, events)] == list(range(1, 13))
    assert [event.step for event in of(MetricsLogged, events)] == [4, 8, 12]
    assert [event.step for event in of(PreviewDrawn, events)] == [6, 12]
    assert [(event.step, event.reason) for event in of(CheckpointDue, events)] == [
        (5, "interval"),
        (10, "interval"),
        (12, "end"),
    ]
    assert [event.state for event in of(StateChanged, events)] == ["running", "finished"]
    assert len(of(PreviewProgress, events)) == 2 * 3
    last = of(MetricsLogged, events)[-1]
    assert last.images_seen == 12 * 8
    assert last.loss > 0
    assert last.grad_norm > 0
    assert last.img_per_s > 0
    assert last.memory["process"] > 0
    preview = of(PreviewDrawn, events)[-1]
    assert preview.images.shape == (4, 1, 8, 8)
    assert preview.images.dtype == torch.uint8


def test_metrics_tell_the_loss_by_parts_of_the_timesteps(digits):
    training = trainer(digits, train={"log_every": 1, "steps": 1})
    config = training.config
    draws = draw_step(config, training.images, 0, 0)
    with torch.no_grad():
        losses = diffusion_loss(
            training.network, config.diffusion, training.schedule, draws.x_0, draws.t, draws.eps
        )
    part = draws.t * LOSS_BINS // training.schedule.T
    expected = [losses[part == at].mean().item() if (part == at).any() else None for at in range(LOSS_BINS)]
    (row,) = of(MetricsLogged, training.run())
    assert [value is None for value in row.loss_bins] == [value is None for value in expected]
    known = [value for value in row.loss_bins if value is not None]
    assert known == pytest.approx([value for value in expected if value is not None], rel=1e-3)


def test_previews_do_not_change_what_is_learned(digits):
    ends = []
    for every in (0, 1):
        events = list(trainer(digits, previews={"every": every}).run())
        ends.append(of(CheckpointDue, events)[-1].tensors["model"])
    assert all(torch.equal(a, b) for a, b in zip(*(end.values() for end in ends), strict=True))


def test_a_raw_preview_starts_from_the_same_noise_with_the_weights_of_the_last_step(digits):
    previews = {"diffusion": {"prediction": "x_0"}, "previews": {"every": 12, "raw": True}}
    averaged, raw = of(PreviewDrawn, trainer(digits, **previews, train={"lr": 0.01, "warmup_steps": 0}).run())
    assert (averaged.recipe["weights"], raw.recipe["weights"]) == ("ema", "raw")
    assert averaged.recipe == {**raw.recipe, "weights": "ema"}
    assert not torch.equal(averaged.images, raw.images)
    # An average without memory is the last step itself.
    averaged, raw = of(PreviewDrawn, trainer(digits, **previews, train={"ema_decay": 0.0}).run())
    assert torch.equal(averaged.images, raw.images)


def test_the_held_out_loss_is_that_of_the_averaged_weights_on_images_never_trained_on(tmp_path):
    config = Config.build(
        merge(TINY, {"data": {"source": "digits", "held_out": 0.2}, "train": {"held_out_every": 5}})
    )
    data = open_training_data(config, tmp_path)
    training = Trainer(data.config, data.images, data.held_out)
    rows = of(MetricsLogged, training.run())
    assert [(row.step, row.held_out_loss is not None) for row in rows] == [
        (4, False), (5, True), (8, False), (10, True), (12, True),
    ]  # fmt: skip
    everything = {image.tobytes() for image in load_images(config.data, tmp_path).images}
    trained = {image.tobytes() for image in data.images.images.numpy()}
    assert {image.tobytes() for image in data.held_out.images} <= everything - trained
    (draws,) = HeldOut(data.config, data.held_out, training.device).draws(999)
    assert len(draws) == 256
    assert sorted(set(draws.t.tolist())) == list(range(50))
    with torch.no_grad():
        losses = diffusion_loss(
            training.averaged, config.diffusion, training.schedule, draws.x_0, draws.t, draws.eps
        )
    assert rows[-1].held_out_loss == pytest.approx(losses.mean().item(), rel=1e-3)
    without = [row.loss for row in of(MetricsLogged, Trainer(data.config, data.images).run())]
    assert without[0] == rows[0].loss  # measuring changes nothing of what is learned
    assert without[2] == pytest.approx((2 * rows[3].loss + 2 * rows[4].loss) / 4)


def test_the_held_out_loss_is_measured_in_parts_where_memory_ends(tmp_path):
    config = Config.build(merge(TINY, {"data": {"source": "digits", "held_out": 0.2}}))
    data = open_training_data(config, tmp_path)
    held_out = HeldOut(data.config, data.held_out, torch.device("cpu"))

    def loss_of(most):
        def losses(draws):
            if len(draws) > most:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return draws.x_0.mean((1, 2, 3)) + draws.t

        return losses

    assert held_out.mean_loss(loss_of(5), 256) == held_out.mean_loss(loss_of(256), 256)
    with pytest.raises(torch.OutOfMemoryError):
        held_out.mean_loss(loss_of(0), 256)


def test_torch_randomness_outside_is_neither_used_nor_changed(digits):
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = of(CheckpointDue, trainer(digits).run())[-1].tensors["model"]
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    second = of(CheckpointDue, trainer(digits).run())[-1].tensors["model"]
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = of(CheckpointDue, trainer(digits, train={"seed": 1}).run())[-1].tensors["model"]
    assert not all(torch.equal(first[name], other[name]) for name in first)


class Commands:
    """Commands to give when a step is reached."""

    def __init__(self, at):
        self.at, self.step = at, 0

    def follow(self, events):
        for event in events:
            if isinstance(event, StepDone):
                self.step = event.step
            if isinstance(event, Idle):
                self.step = -1
            yield event

    def __call__(self):
        return self.at.pop(self.step, [])


@pytest.mark.parametrize("stop_at", [0, 3, 11])
def test_stop_leaves_a_checkpoint_of_the_step_it_stopped_at(digits, stop_at):
    commands = Commands({stop_at: ["stop"]})
    events = list(commands.follow(trainer(digits).run(commands)))
    assert len(of(StepDone, events)) == stop_at
    assert isinstance(events[-2], CheckpointDue)
    assert (events[-2].step, events[-2].reason) == (stop_at, "end")
    assert events[-1].state == "stopped"


def test_preview_and_checkpoint_are_made_when_asked_for(digits):
    commands = Commands({2: ["preview", "checkpoint"]})
    events = list(commands.follow(trainer(digits).run(commands)))
    assert [event.step for event in of(PreviewDrawn, events)] == [2, 6, 12]
    assert (2, "asked") in [(event.step, event.reason) for event in of(CheckpointDue, events)]


def test_pause_waits_and_still_makes_what_is_asked_for(digits):
    commands = Commands({2: ["pause"], -1: ["preview", "checkpoint", "pause", "resume"]})
    events = list(commands.follow(trainer(digits).run(commands)))
    assert [event.state for event in of(StateChanged, events)] == ["running", "paused", "running", "finished"]
    assert of(Idle, events)
    assert [event.step for event in of(PreviewDrawn, events)] == [2, 6, 12]
    assert [event.step for event in of(CheckpointDue, events)] == [2, 5, 10, 12]
    assert len(of(StepDone, events)) == 12


def test_a_preview_asked_for_just_before_a_pause_is_drawn_at_once(digits):
    commands = Commands({2: ["preview", "pause"], -1: ["stop"]})
    events = list(commands.follow(trainer(digits).run(commands)))
    assert [event.step for event in of(PreviewDrawn, events)] == [2]
    assert [event.state for event in of(StateChanged, events)] == ["running", "paused", "stopped"]


def test_stop_while_paused_stops(digits):
    commands = Commands({2: ["pause"], -1: ["stop"]})
    events = list(commands.follow(trainer(digits).run(commands)))
    assert [event.state for event in of(StateChanged, events)] == ["running", "paused", "stopped"]
    assert len(of(StepDone, events)) == 2


def test_a_time_budget_stops_with_a_checkpoint(digits):
    events = list(trainer(digits, train={"steps": 10**6, "max_minutes": 1e-4}).run())
    assert 0 < len(of(StepDone, events)) < 10**4
    assert events[-1].state == "stopped"
    assert "max_minutes" in events[-1].message
    assert isinstance(events[-2], CheckpointDue)


def test_fewer_images_than_a_batch_is_fine(digits):
    few = ImageSet("few", digits.images[:3], None, ())
    events = list(trainer(few, train={"batch_size": 8}).run())
    assert events[-1].state == "finished"
    assert of(StepDone, events)[-1].images_seen == 96


@pytest.mark.parametrize("shape", [(1, 7, 5), (3, 9, 4), (4, 6, 6)])
def test_any_shape_trains_and_samples(shape):
    images = np.random.default_rng(0).integers(0, 256, (5, *shape), dtype=np.uint8)
    events = list(trainer(ImageSet("noise", images, None, ())).run())
    assert events[-1].state == "finished"
    assert of(PreviewDrawn, events)[-1].images.shape == (4, *shape)


@pytest.mark.parametrize("T", [1, 2])
def test_few_diffusion_steps_are_fine(digits, T):
    events = list(trainer(digits, diffusion={"T": T}).run())
    assert events[-1].state == "finished"
    assert of(PreviewProgress, events)[-1].total == T


def test_a_loss_that_is_no_number_harms_no_weight(digits):
    broken = trainer(digits, train={"checkpoint_every": 99}, previews={"every": 0})
    events = broken.run()
    while broken.step < 3:
        next(events)
    with torch.no_grad():
        broken.network.output.bias.fill_(float("inf"))
    others = {n: p.detach().clone() for n, p in broken.network.named_parameters() if n != "output.bias"}
    with pytest.raises(TrainingError, match=r"step 8 the loss of 5 steps in a row .*train\.lr"):
        list(events)
    assert all(torch.equal(others[n], p) for n, p in broken.network.named_parameters() if n in others)
    assert broken.step == 8


def test_it_learns_one_image_by_heart(digits):
    """Proof by samples: trained on one digit alone, it must draw that digit."""
    image = digits.images[7:8]
    learner = trainer(
        ImageSet("one", image, None, ()),
        diffusion={"T": 100, "prediction": "v"},
        train={"steps": 120, "batch_size": 8, "lr": 1e-2, "ema_decay": 0.9, "precision": "float32"},
        previews={"every": 0},
    )
    list(learner.run())
    *_, last = denoise(
        learner.averaged, learner.config, SampleConfig(n=8, steps=20), range(8), learner.device
    )
    drawn = to_uint8(last.x_t).numpy().astype(float)
    error = np.abs(drawn - image).mean()
    untrained = np.abs(127.5 - image).mean()
    assert error < untrained / 8


def test_dropout_is_drawn_anew_each_step_and_for_each_seed(digits):
    still, first, second = (
        of(CheckpointDue, trainer(digits, **merge({"previews": {"every": 0}}, overrides)).run())[-1]
        for overrides in ({}, {"model": {"dropout": 0.5}}, {"model": {"dropout": 0.5}, "train": {"seed": 1}})
    )
    weights = [end.tensors["model"]["down.0.blocks.0.conv_in.weight"] for end in (still, first, second)]
    assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[1], weights[2])


def test_a_network_learns_what_its_classes_look_like():
    """Two classes, one black and one white: after a little training the class decides, and no class is in between."""
    images = np.zeros((64, 1, 8, 8), np.uint8)
    images[32:] = 255
    labels = np.repeat(np.arange(2, dtype=np.int64), 32)
    two = ImageSet("two", images, labels, ("black", "white"))
    config = Config.build(
        merge(
            TINY,
            {
                "model": {"class_conditional": True},
                "diffusion": {"prediction": "x_0"},
                "train": {
                    "steps": 100,
                    "lr": 1e-2,
                    "batch_size": 16,
                    "label_dropout": 0.2,
                    "checkpoint_every": 999,
                },
                "previews": {"every": 0},
            },
        )
    )
    config = config.model_copy(
        update={
            "data": config.data.model_copy(
                update={"image_size": (8, 8), "channels": 1, "class_names": two.class_names}
            )
        }
    )
    learner = Trainer(config, DeviceImages(two, 0))
    for _ in learner.run():
        pass
    x_t = torch.randn(30, 1, 8, 8, generator=torch.Generator().manual_seed(5))
    t = torch.full((30,), 49)
    with torch.no_grad():
        expected = learner.averaged(x_t, t, torch.arange(3).repeat(10)).view(10, 3, -1).mean(dim=(0, 2))
    assert expected[0] < -0.8
    assert expected[1] > 0.8
    assert abs(expected[2]) < 0.5


def test_classes_without_labels_are_one_sentence(digits):
    config = recipe(digits, model={"class_conditional": True})
    unlabelled = ImageSet(digits.name, digits.images, None, digits.class_names)
    with pytest.raises(DataError, match=r"digits has no labels .* train without classes"):
        list(Trainer(config, DeviceImages(unlabelled, 0)).run())


def test_a_preview_that_memory_is_too_small_for_is_made_in_parts_or_left_out(digits, monkeypatch):
    """Memory for so many images at once, as the network meets it; the images of the parts are those of the whole."""
    previews = {"every": 12, "n": 5}
    (whole,) = of(PreviewDrawn, trainer(digits, previews=previews).run())
    room = 2
    forward = UNet.forward

    def cramped(self, x_t, t, labels=None):
        if not self.training and len(x_t) > room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, x_t, t, labels)

    monkeypatch.setattr(UNet, "forward", cramped)
    (parts,) = of(PreviewDrawn, trainer(digits, previews=previews).run())
    assert (whole.images.int() - parts.images.int()).abs().max() <= 1
    room = 0
    events = list(trainer(digits, previews=previews).run())
    (warned,) = of(Warned, events)
    assert warned.message.startswith("the preview was left out: ")
    assert of(StateChanged, events)[-1].state == "finished"
