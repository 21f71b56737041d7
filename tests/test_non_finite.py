"""A loss that is no number: what it costs, what is told of it, and how a run comes out of it."""

import math

import numpy as np
import pytest
import torch
from conftest import TINY
from safetensors.torch import load_file

from ddpm import session
from ddpm.changes import Change
from ddpm.checkpoint import find_checkpoint
from ddpm.config import Config, merge
from ddpm.data import Batch
from ddpm.errors import RunError, TrainingError
from ddpm.events import NonFinite, RolledBack, StepDone, Warned
from ddpm.finite import all_finite
from ddpm.replay import replay
from ddpm.runs_root import create_run
from ddpm.session import train_run
from ddpm.training_data import open_training_data
from studio.feed import RunFeed
from studio.run_view import RunView

RECIPE = merge(
    TINY,
    {
        "train": {
            "steps": 16,
            "log_every": 1,
            "checkpoint_every": 4,
            "non_finite_limit": 3,
            "keep_checkpoints": 9,
        },
        "previews": {"every": 0},
    },
)


# The steps (0 for the first) that meet an image that is no number.
poisoned = set()


class Poisoned:
    """Images, some of which are no numbers."""

    def __init__(self, images):
        self.images, self.device = images, images.device

    def __len__(self):
        return len(self.images)

    def batch(self, images_seen, batch_size):
        x_0, labels = self.images.batch(images_seen, batch_size)
        if images_seen // batch_size in poisoned:
            x_0[-1, 0, 0, 0] = math.nan
        return Batch(x_0, labels)


@pytest.fixture
def poison(monkeypatch):
    """Poison the data of certain steps; what was poisoned before is not any more."""

    def opened(*arguments, **options):
        data = open_training_data(*arguments, **options)
        return data._replace(images=Poisoned(data.images))

    def make(*steps):
        poisoned.clear()
        poisoned.update(steps)

    monkeypatch.setattr(session, "open_training_data", opened)
    yield make
    poisoned.clear()


def make_run(root, **overrides):
    return create_run(root, "run", Config.build(merge(RECIPE, overrides)))


def train(run, until=None, commands=list, **options):
    """The events of a training, up to some step: what comes after is lost, as in a kill."""
    told = []
    for event in train_run(run, data_root=run.path, take_commands=commands, **options):
        told.append(event)
        if until is not None and until(event):
            break
    return told


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def stored(run):
    """Every tensor of every checkpoint, by step and name."""
    return {
        (checkpoint.step, path.stem, name): tensor
        for checkpoint in run.checkpoints()
        for path in checkpoint.path.glob("*.safetensors")
        for name, tensor in load_file(path).items()
    }


def same_run(one, other):
    ours, theirs = stored(one), stored(other)
    last = max(step for step, _, _ in ours)
    assert last == max(step for step, _, _ in theirs)
    for key, tensor in ours.items():
        if key[0] == last:
            assert torch.equal(tensor, theirs[key]), key
    rows = [[(row["step"], row["loss"], row["lr"]) for row in run.metrics()] for run in (one, other)]
    assert rows[0] == rows[1]
    assert one.config().changes == other.config().changes


def test_a_bad_step_changes_nothing_and_the_next_one_is_another(tmp_path, poison):
    poison(6)
    run = make_run(tmp_path)
    events = train(run)
    (bad,) = of(NonFinite, events)
    assert (bad.step, bad.images_seen, bad.seed) == (7, 48, 0)
    assert math.isnan(bad.loss)
    assert [event.step for event in of(StepDone, events)] == list(range(1, 17))
    rows = {row["step"]: row for row in run.metrics()}
    assert rows[7]["loss"] is rows[7]["grad_norm"] is None
    assert rows[7]["skipped"] == 1
    assert "skipped" not in rows[8]


def test_weights_and_averages_are_the_same_before_and_after_a_bad_step(tmp_path, poison):
    poison(5)
    run = make_run(tmp_path)
    step = 0

    def ask():
        return ["checkpoint"] if step in (5, 6) else []

    for event in train_run(run, data_root=tmp_path, take_commands=ask):
        step = event.step if isinstance(event, StepDone) else step
    tensors = stored(run)
    before = {key[1:]: tensor for key, tensor in tensors.items() if key[0] == 5}
    after = {key[1:]: tensor for key, tensor in tensors.items() if key[0] == 6}
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_a_bad_step_can_be_had_again_from_its_event(tmp_path, poison):
    poison(6, 9)
    run = make_run(tmp_path)
    train(run)
    rows = [row for row in run.events() if row["kind"] == "non-finite"]
    assert [(row["step"], row["loss"]) for row in rows] == [(7, "nan"), (10, "nan")]
    before = sorted(path.name for path in run.path.rglob("*"))
    trainer, found = replay(run, rows[1], tmp_path)
    assert (found.step, found.images_seen, found.seed) == (10, rows[1]["images_seen"], rows[1]["seed"])
    assert math.isnan(found.loss)
    x_0, _ = trainer.images.batch(found.images_seen, 8)
    assert x_0.isnan().sum() == 1
    assert sorted(path.name for path in run.path.rglob("*")) == before
    poison()
    _, found = replay(run, rows[1], tmp_path)
    assert found is None
    with pytest.raises(RunError, match="'finished' cannot be replayed"):
        replay(run, run.events()[-1], tmp_path)


def test_bad_steps_in_a_row_take_the_run_back_with_half_the_lr(tmp_path, poison):
    poison(9, 10, 11)
    run = make_run(tmp_path, train={"max_rollbacks": 2})
    with pytest.raises(TrainingError, match=r"2 of 2 times .* a learning rate \(train\.lr\) below 0\.00025"):
        train(run)
    assert run.status().state == "failed"
    assert [(c.step, c.lr, c.reason) for c in run.config().changes] == [
        (8, 5e-4, "non-finite"),
        (8, 2.5e-4, "non-finite"),
    ]
    backs = [row for row in run.events() if row["kind"] == "rolled-back"]
    assert [row["step"] for row in backs] == [12, 12]
    assert backs[0]["message"] == (
        "to step 8: the loss of 3 steps in a row was no number; lr 0.001 -> 0.0005"
    )
    assert [row["step"] for row in run.metrics()] == [*range(1, 12)]
    assert [checkpoint.step for checkpoint in run.checkpoints()] == [4, 8]


def test_weights_that_lead_to_bad_steps_at_any_lr_are_not_gone_back_to(tmp_path, poison):
    """The loss of step 9 is that of the weights of step 8, whose checkpoint is as bad a start as it was."""
    poison(8, 9, 10)
    run = make_run(tmp_path)
    events = train(run, until=went_back)
    assert (events[-1].step, events[-1].back_to) == (11, 4)
    only = make_run(tmp_path / "only", train={"keep_checkpoints": 1})
    events = train(only, until=went_back)
    assert (events[-1].step, events[-1].back_to) == (11, 8)
    assert [checkpoint.step for checkpoint in only.checkpoints()] == [8]


def test_without_a_checkpoint_the_run_begins_anew(tmp_path, poison):
    poison(0, 1, 2)
    run = make_run(tmp_path, train={"max_rollbacks": 1})
    events = train(run, until=went_back)
    assert (events[-1].step, events[-1].back_to) == (3, 0)
    assert run.status().step == 0
    assert run.metrics() == []
    assert run.config().changes == (Change(step=0, lr=5e-4, reason="non-finite"),)


DIVERGING = {"train": {"lr": 10.0, "grad_clip": 1e30, "warmup_steps": 0, "lr_schedule": "constant"}}


def test_a_run_that_diverges_stops_as_failed_and_keeps_no_weight_that_is_none(tmp_path):
    """A real one: so high a rate that the weights themselves overflow."""
    run = make_run(
        tmp_path,
        **merge(
            DIVERGING,
            {"train": {"steps": 400, "weight_decay": 10.0, "checkpoint_every": 2, "keep_checkpoints": 500}},
        ),
    )
    with pytest.raises(TrainingError, match="so it ends here"):
        train(run)
    assert len(run.config().changes) == 3
    assert all_finite(stored(run).values())
    assert all(row["loss"] is None or math.isfinite(row["loss"]) for row in run.metrics())


def test_weights_that_overflowed_are_neither_stored_nor_drawn(tmp_path):
    """Asked for at once, before a step could find out."""
    run = make_run(tmp_path, train={"checkpoint_every": 100}, previews={"every": 100})
    asked = iter([[], ["checkpoint", "preview", "stop"]])
    events = train_run(run, data_root=tmp_path, take_commands=lambda: next(asked))
    told = []
    for event in events:
        told.append(event)
        if isinstance(event, StepDone):
            trainer = events.gi_frame.f_locals["trainer"]
            with torch.no_grad():
                trainer.averages["ema"].weights["output.bias"].fill_(math.inf)
    words = [event.message for event in of(Warned, told)]
    assert len(words) == 3
    assert all("the weights are no longer numbers" in each for each in words)
    assert run.checkpoints() == []
    assert run.status().state == "stopped"


def went_back(event):
    return isinstance(event, RolledBack)


def resume(run, until=None):
    return train(run, until, checkpoint=find_checkpoint(run.checkpoints_path, None))


@pytest.mark.parametrize("killed", ["after a good step", "after a bad step", "while it goes back"])
def test_a_run_that_went_back_ends_the_same_wherever_it_was_killed(tmp_path, poison, monkeypatch, killed):
    """The bad steps go away with the first rate, as those do that it has led to."""
    whole, parts = make_run(tmp_path / "whole"), make_run(tmp_path / "parts")
    poison(9, 10, 11)
    for event in train_run(whole, data_root=tmp_path, take_commands=list):
        if went_back(event):
            poisoned.clear()
    poison(9, 10, 11)
    if killed == "while it goes back":
        forget = session._forget_after

        def die(run, step):
            if run.config().changes:
                raise KeyboardInterrupt
            return forget(run, step)

        monkeypatch.setattr(session, "_forget_after", die)
        with pytest.raises(KeyboardInterrupt):
            train(parts)
        monkeypatch.setattr(session, "_forget_after", forget)
    else:
        kind, step = (StepDone, 10) if killed == "after a good step" else (NonFinite, 11)
        train(parts, until=lambda event: isinstance(event, kind) and event.step == step)
        resume(parts, until=went_back)
    poisoned.clear()
    resume(parts)
    same_run(whole, parts)
    assert whole.config().changes == (Change(step=8, lr=5e-4, reason="non-finite"),)


def test_the_count_of_bad_steps_goes_through_a_stop(tmp_path, poison):
    """Stopped after two of three: the checkpoint says so, the third takes the run back to the one before those."""
    poison(5, 6, 7)
    run = make_run(tmp_path, train={"keep_checkpoints": 1})
    done = []

    def ask():
        return ["stop"] if len(done) == 7 else []

    for event in train_run(run, data_root=tmp_path, take_commands=ask):
        done.extend(of(StepDone, [event]))
    assert [checkpoint.step for checkpoint in run.checkpoints()] == [4, 7]
    events = resume(run, until=went_back)
    assert (events[-1].step, events[-1].back_to) == (8, 4)
    assert [checkpoint.step for checkpoint in run.checkpoints()] == [4]


def test_no_checkpoint_is_made_amid_bad_steps(tmp_path, poison):
    poison(7, 8)
    run = make_run(tmp_path)
    train(run)
    assert [checkpoint.step for checkpoint in run.checkpoints()] == [4, 12, 16]


def test_a_reader_shows_a_gap_where_no_step_had_a_loss(tmp_path, poison):
    poison(6)
    run = make_run(tmp_path)
    train(run)
    view = RunView()
    view.take(RunFeed(run).poll(), starting=False)
    assert np.flatnonzero(np.isnan(view.loss.y)).tolist() == [6]


def test_all_finite_sees_one_value_of_many():
    numbers = [torch.full((3,), 3e38), torch.zeros(2, 2, dtype=torch.bfloat16), torch.zeros(())]
    assert all_finite(numbers)
    assert all_finite([])
    for bad in (math.nan, math.inf, -math.inf):
        for index in range(3):
            harmed = [tensor.clone() for tensor in numbers]
            harmed[index].view(-1)[-1] = bad
            assert not all_finite(harmed), (bad, index)
