"""What the checkpoints screen changes: what is kept for ever, deleted, pruned or branched from."""

import pytest
from app_pilot import (
    drive,
    finished_run,
    screen_text,
    tiny_config,
    until,
    until_seen,
    untrained_checkpoint,
    write_preview,
)
from textual.widgets import Input

from ddpm import retention
from ddpm.checkpoint import list_checkpoints
from ddpm.exchange.network_file import load_network_file
from ddpm.runs import Run
from ddpm.runs_root import create_run
from ddpm.session import train_run
from studio import checkpoint_list
from studio.screens.checkpoints import CheckpointsScreen
from studio.screens.monitor import MonitorScreen
from studio.widgets.step_samples import StepSamples


def steps_of(run):
    return [checkpoint.step for checkpoint in run.checkpoints()]


async def open_checkpoints(pilot, app, name="alpha"):
    await until_seen(pilot, name)
    await pilot.press("c")
    await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen))
    await until_seen(pilot, "on disk")


def test_the_list_tells_what_is_kept_what_pruning_frees_and_the_preview_before_each(home):
    run = finished_run(home, "alpha", kept=(10, 20, 30, 40))
    write_preview(run, 15)
    retention.mark(run.checkpoints()[1])
    (run.checkpoints_path / "00000030" / "manifest.json").unlink()
    run.write_config(run.config().with_values({"train": {"keep_checkpoints": 1}}))
    found = checkpoint_list.look(run, {(40, run.checkpoints()[3].time): "torn"})
    assert [(one.step, one.kept, one.preview_step) for one in found.listed] == [
        (40, False, 40),
        (30, False, 15),
        (20, True, 15),
        (10, False, None),
    ]
    assert [one.problem for one in found.listed] == ["torn", "manifest.json is missing", "", ""]
    assert (found.doomed, found.freed) == ((10,), run.checkpoints()[0].size)
    assert found.total().startswith("2 whole of 4, 1 kept for ever")
    assert retention.prune_run(run) == [10]


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
def test_the_samples_of_the_chosen_step_stand_beside_it(home, size):
    run = finished_run(home, "alpha", kept=(20, 40))
    write_preview(run, 15)

    async def script(pilot, app):
        await open_checkpoints(pilot, app)
        if size[0] < 112:
            assert "samples · step" not in screen_text(pilot)
            await pilot.press("p")
        await until_seen(pilot, "samples · step 40")
        await pilot.press("down")
        await until_seen(pilot, "samples · step 15")
        await until(pilot, lambda: "▀" in screen_text(pilot))
        await pilot.press("p")
        await until(pilot, lambda: not app.screen.query_one(StepSamples).display)

    drive(home, script, size)


def test_kept_for_ever_deleted_and_pruned_by_keys(home):
    run = finished_run(home, "alpha", kept=(10, 20, 30, 40))
    run.write_config(run.config().with_values({"train": {"keep_checkpoints": 1}}))

    async def script(pilot, app):
        await open_checkpoints(pilot, app)
        await pilot.press("down", "k")
        await until_seen(pilot, "1 kept for ever")
        assert retention.is_marked(run.checkpoints()[2])
        await pilot.press("x")
        await until_seen(pilot, "It was to be kept for ever")
        await pilot.press("y")
        await until(pilot, lambda: steps_of(run) == [10, 20, 40])
        await until_seen(pilot, "3 whole of 3")
        await pilot.press("P")
        await until_seen(pilot, "Delete 2 old checkpoints?")
        await pilot.press("y")
        await until(pilot, lambda: steps_of(run) == [40])
        await until_seen(pilot, "nothing to prune")
        await pilot.press("x")
        await until_seen(pilot, "It is the only")
        await pilot.press("escape")

    drive(home, script)
    assert steps_of(run) == [40]


def test_the_newest_whole_one_of_a_run_in_training_cannot_be_deleted(home):
    run = finished_run(home, "alpha", kept=(20, 40))
    (run.checkpoints_path / "00000040" / "manifest.json").unlink()

    async def script(pilot, app):
        await open_checkpoints(pilot, app)
        await pilot.press("down", "x", "question_mark")
        await until_seen(pilot, "Keys: checkpoints")

    with run.locked():
        drive(home, script)
        with pytest.raises(retention.CheckpointError, match="newest whole checkpoint of alpha"):
            retention.delete(run, run.checkpoints()[0])
        retention.delete(run, run.checkpoints()[1])
    assert steps_of(run) == [20]


def test_a_branch_made_by_keys_trains_on_as_its_run_would(home):
    run = create_run(home / "runs", "alpha", tiny_config())
    list(train_run(run, data_root=home, take_commands=list))

    async def script(pilot, app):
        await open_checkpoints(pilot, app)
        await pilot.press("down", "b")
        await until_seen(pilot, "The name of the new run")
        await pilot.press(*["backspace"] * 7, *"twin", "enter")
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen))
        await until_seen(pilot, "twin")
        assert app.screen.run.metrics() == [row for row in run.metrics() if row["step"] <= 10]
        await pilot.press("r")
        await until_seen(pilot, "✓ finished")

    drive(home, script, (120, 36))
    twin = Run(home / "runs" / "twin")
    ends = [list_checkpoints(one.checkpoints_path)[-1].path / "model.safetensors" for one in (run, twin)]
    assert ends[0].read_bytes() == ends[1].read_bytes()
    assert [preview.step for preview in twin.previews()] == [preview.step for preview in run.previews()]


def test_a_checkpoint_is_exported_by_keys_and_what_is_wrong_is_said_in_the_dialog(home):
    run = finished_run(home, "alpha", kept=(20,))
    untrained_checkpoint(run, 40)
    taken = home / "taken.safetensors"
    taken.write_text("other things")

    async def script(pilot, app):
        await open_checkpoints(pilot, app)
        await pilot.press("e")
        await until_seen(pilot, "Export step 40")
        place = app.screen.query_one("#export-path").query_one(Input)
        assert place.value == str(run.path / "exports" / "alpha-step-00000040-ema.safetensors")
        place.value = str(taken)
        await pilot.press("ctrl+s")
        await until_seen(pilot, "is no earlier")
        place.value = str(home / "out.safetensors")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, CheckpointsScreen))

    drive(home, script)
    exported = load_network_file(home / "out.safetensors", "cpu")
    assert (exported.step, exported.run_name, exported.weights) == (40, "alpha", "ema")
    assert taken.read_text() == "other things"
