"""Which checkpoints are deleted, and which never are."""

import pytest
import torch

from ddpm import checkpoint as checkpoints
from ddpm import retention
from ddpm.errors import CheckpointError

TENSORS = {"model": {"a": torch.arange(6.0).view(2, 3)}, "optimizer": {}}


@pytest.fixture
def folder(tmp_path):
    for step in (5, 10, 15, 20, 25):
        checkpoints.save(tmp_path, step, TENSORS, {})
    return tmp_path


def steps_in(folder):
    return [checkpoint.step for checkpoint in checkpoints.list_checkpoints(folder)]


def test_the_newest_stay_and_remains_of_unfinished_writes_go(folder):
    (folder / ".building-1").mkdir()
    checkpoints.set_aside_after(folder, 20)
    assert steps_in(folder) == [5, 10, 15, 20]
    assert retention.prune(folder, 2) == [5, 10]
    assert sorted(path.name for path in folder.iterdir()) == ["00000015", "00000020"]


def test_damaged_ones_do_not_count_as_kept_and_stay_to_be_looked_at(folder):
    (folder / "00000025" / "manifest.json").unlink()
    assert retention.prune(folder, 1) == [5, 10, 15]
    assert steps_in(folder) == [20, 25]
    assert checkpoints.newest_whole(folder).step == 20


def test_every_mth_and_marked_ones_stay_beside_the_newest(folder):
    marked = checkpoints.find_checkpoint(folder, 5)
    retention.mark(marked)
    assert retention.prune(folder, 1, keep_every=10) == [15]
    assert steps_in(folder) == [5, 10, 20, 25]
    assert retention.prune(folder, 1) == [10, 20]
    retention.unmark(marked)
    assert retention.prune(folder, 1) == [5]


@pytest.mark.parametrize("keep_newest", [1, 2, 4, 9])
@pytest.mark.parametrize("keep_every", [0, 5, 10, 25])
def test_pruning_deletes_what_the_list_of_all_says_however_little_of_it_is_opened(
    folder, keep_newest, keep_every
):
    (folder / "00000025" / "manifest.json").unlink()
    retention.mark(checkpoints.find_checkpoint(folder, 15))
    said = retention.would_delete(checkpoints.list_checkpoints(folder), keep_newest, keep_every)
    before = steps_in(folder)
    deleted = retention.prune(folder, keep_newest, keep_every)
    assert deleted == [checkpoint.step for checkpoint in said]
    assert steps_in(folder) == [step for step in before if step not in deleted]


def test_a_mark_changes_no_hash_and_stays_when_training_starts_again(folder):
    marked = checkpoints.find_checkpoint(folder, 10)
    retention.mark(marked)
    assert retention.is_marked(marked)
    assert checkpoints.find_checkpoint(folder, 10) == marked
    assert checkpoints.verify(checkpoints.find_checkpoint(folder, 10)) == ""
    tensors, _ = checkpoints.load(marked, "model")
    assert torch.equal(tensors["model"]["a"], TENSORS["model"]["a"])
    assert retention.is_marked(checkpoints.save(folder, 10, TENSORS, {}))


def test_a_marked_one_is_hidden_but_not_deleted_when_training_goes_back_behind_it(folder):
    retention.mark(checkpoints.find_checkpoint(folder, 20))
    checkpoints.set_aside_after(folder, 10)
    retention.prune(folder, 2)
    (hidden,) = folder.glob(".superseded-*")
    assert steps_in(folder) == [5, 10]
    (found,) = checkpoints.list_set_aside(folder)
    assert (found.path, found.step, found.whole, retention.is_marked(found)) == (hidden, 20, True, True)


def test_a_checkpoint_that_is_not_there_cannot_be_marked(folder):
    gone = checkpoints.find_checkpoint(folder, 5)
    retention.prune(folder, 1)
    with pytest.raises(CheckpointError, match=r"Cannot mark.*00000005"):
        retention.mark(gone)
