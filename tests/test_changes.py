"""What is changed while a run trains is part of its recipe: stored first, made again by whoever resumes."""

import pytest
from conftest import TINY
from faulty_disk import faulty_disk
from told_runs import resume, same_end, train

from ddpm.changes import MOST_CHANGES, Change, RecipesInForce, recipe_at, rollbacks, with_change, words_for
from ddpm.commands import Note, SetLearningRate, SetPreviewEvery
from ddpm.config import Config
from ddpm.errors import ConfigError
from ddpm.events import MetricsLogged, PreviewDrawn, RecipeChanged, Warned
from ddpm.recipe_file import from_toml, to_toml
from ddpm.recorder import Recorder
from ddpm.runs import this_process
from ddpm.runs_root import create_run


def changed(*changes):
    return Config.build({"changes": [change.model_dump() for change in changes]})


def test_a_change_holds_from_its_step_on():
    config = changed(Change(step=5, lr=0.1), Change(step=9, lr=0.2, preview_every=3))
    assert recipe_at(config, 4) is config
    assert [recipe_at(config, step).train.lr for step in (5, 8, 9, 99)] == [0.1, 0.1, 0.2, 0.2]
    assert [recipe_at(config, step).previews.every for step in (8, 9)] == [500, 3]


def test_what_is_asked_at_every_step_is_worked_out_where_a_change_is_made_only():
    config = changed(Change(step=5, lr=0.1), Change(step=5, preview_every=7), Change(step=9, lr=0.2))
    in_force = RecipesInForce(config)
    for step in (0, 4, 5, 4, 8, 9, 100, 3):  # going back leads to lower steps again
        assert in_force.at(step) == recipe_at(config, step)
    assert in_force.at(5) is in_force.at(8)


def test_a_file_keeps_changes():
    config = changed(Change(step=5, lr=0.1), Change(step=9, preview_every=3, reason="asked\nby me \x1b"))
    assert from_toml(to_toml(config)) == config
    assert config.changes[1].reason == r"asked by me \x1b"
    assert "changes" not in to_toml(Config())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([{"step": 3, "lr": 1}, {"step": 2, "lr": 1}], "sort them by step"),
        ([{"step": 3}], "it changes nothing"),
        ([{"step": -1, "lr": 1}], "-1"),
        ([{"step": 1, "lr": float("nan")}], "nan"),
        ([{"step": 1, "lr": 1}] * (MOST_CHANGES + 1), str(MOST_CHANGES)),
    ],
)
def test_changes_that_cannot_be_are_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        Config.build({"changes": changes})


def test_another_way_forgets_what_was_to_come_of_the_same_values():
    config = changed(Change(step=5, lr=0.1), Change(step=9, lr=0.2, preview_every=3))
    halved = Change(step=5, lr=0.05, reason="non-finite")
    assert with_change(config, halved).changes == (
        Change(step=5, lr=0.1),
        halved,
        Change(step=9, preview_every=3),
    )
    earlier = with_change(with_change(config, halved), Change(step=3, lr=0.03, reason="non-finite"))
    assert [(each.step, each.lr) for each in earlier.changes] == [(3, 0.05), (3, 0.03), (9, None)]
    assert rollbacks(earlier) == 2
    assert recipe_at(earlier, 9).train.lr == 0.03
    assert words_for(halved, config) == "lr 0.1 -> 0.05 (non-finite)"


def test_a_value_that_is_given_on_resume_takes_the_place_of_its_changes():
    config = changed(Change(step=5, lr=0.1), Change(step=9, lr=0.2, preview_every=3))
    assert config.with_values({"train": {"lr": "0.5"}}).changes == (Change(step=9, preview_every=3),)
    assert config.with_values({"train": {"steps": 5}}).changes == config.changes


LONG = {**TINY, "train": {**TINY["train"], "log_every": 1, "keep_checkpoints": 9}}


@pytest.mark.parametrize("killed_at", [6, 8, 11])
def test_a_run_whose_lr_was_changed_ends_the_same_wherever_it_was_killed(tmp_path, killed_at):
    """The change comes at step 7, between the checkpoints of 5 and of 10."""
    tells = {7: [SetLearningRate(2e-3), SetPreviewEvery(4)]}
    whole = create_run(tmp_path / "whole", "run", Config.build(LONG))
    train(whole, tells)
    parts = create_run(tmp_path / "parts", "run", Config.build(LONG))
    train(parts, tells, until=killed_at)
    resume(parts, tells)
    same_end(whole, parts)
    assert parts.config().changes == (Change(step=7, lr=2e-3), Change(step=7, preview_every=4))
    assert {preview.step for preview in whole.previews()} == {6, 8, 12}
    lr = {row["step"]: row["lr"] for row in whole.metrics()}
    assert lr[8] > lr[7]


def test_a_recipe_with_its_changes_trains_the_same_run_again(tmp_path):
    first = create_run(tmp_path, "first", Config.build(LONG))
    train(first, {3: [SetLearningRate(5e-3)]})
    again = create_run(tmp_path, "again", from_toml(first.config_path.read_text()))
    train(again, {})
    same_end(first, again)


def test_a_change_that_cannot_be_stored_is_not_made(tmp_path, monkeypatch):
    from ddpm.runs import Run

    run = create_run(tmp_path, "run", Config.build(LONG))
    write = Run.write_config

    def full(self, config):
        if config.changes:
            raise OSError(28, "No space left on device")
        write(self, config)

    monkeypatch.setattr(Run, "write_config", full)
    events = train(run, {3: [SetLearningRate(5e-3)]})
    (warned,) = [event for event in events if isinstance(event, Warned)]
    assert "lr 0.001 -> 0.005 could not be written: No space left" in warned.message
    assert not [event for event in events if isinstance(event, RecipeChanged)]
    assert max(event.lr for event in events if isinstance(event, MetricsLogged)) <= 1e-3
    assert run.config().changes == ()


def test_what_nobody_came_to_is_not_done_by_the_next_trainer_but_told(tmp_path):
    run = create_run(tmp_path, "run", Config.build(LONG))
    for command in ("stop", SetLearningRate(5e-3), "pause", Note("flat")):
        run.send(command)
    events = train(run, {})
    told = [event.message for event in events if isinstance(event, Warned)]
    assert [message.partition(" was sent")[0] for message in told] == ["lr 0.005", "note flat"]
    assert run.status().state == "finished"
    assert run.config().changes == ()


def test_changes_and_notes_are_found_in_the_events(tmp_path):
    run = create_run(tmp_path, "run", Config.build(LONG))
    tells = {3: [SetLearningRate(5e-3), Note("the loss is flat \x1b")], 4: [SetPreviewEvery(0)]}
    events = train(run, tells)
    rows = [(row["kind"], row["step"], row["message"]) for row in run.events()]
    assert ("changed", 3, "lr 0.001 -> 0.005") in rows
    assert ("changed", 4, "preview every 6 -> 0") in rows
    assert ("note", 3, r"the loss is flat \x1b") in rows
    assert not [event for event in events if isinstance(event, PreviewDrawn)]


def test_what_is_on_disk_is_the_recipe_that_is_trained_by_wherever_the_disk_fails(tmp_path):
    """Also where the new file is in its place and only the folder could not be flushed."""
    run = create_run(tmp_path, "run", Config.build(LONG))
    old = run.config()
    new = with_change(old, Change(step=3, lr=5e-3))
    outcomes = set()
    with run.locked():
        for failing in range(1, 20):
            run.write_config(old)
            recorder = Recorder(run, this_process(state="running"), old.train)
            event = RecipeChanged(3, new, "lr 0.001 -> 0.005")
            with faulty_disk("broken", failing) as disk:
                told = list(recorder.follow([event]))
            assert (run.config() == old) == event.refused
            outcomes.add((event.refused, isinstance(told[0], Warned)))
            if not disk.failed:
                break
    assert outcomes == {(True, True), (False, True), (False, False)}
