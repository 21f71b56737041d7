"""Long work tells how far it is, and who waits for it can end it: then nothing half written is left."""

import asyncio
import json
import threading

import pytest
from app_pilot import drive, finished_run, screen_text, until, until_seen, untrained_checkpoint
from test_app_checkpoints import open_checkpoints
from textual.widgets import Input

from ddpm import retention
from ddpm.branch import branch
from ddpm.checkpoint import Checkpoint, list_checkpoints, verify
from ddpm.exchange.diffusers_folder import save_pipeline
from ddpm.exchange.network_file import save_network_file
from ddpm.generate import draw, load_network, save_images
from ddpm.runs import Run
from ddpm.sample_config import SampleConfig
from studio import figures
from studio.long_job import GivenUpError, LongJob, told_as
from studio.screens.export_dialog import ExportDialog
from studio.screens.runs import RunsScreen
from studio.screens.working import Working


class EndAfter:
    """Tells nobody, and ends the work when it tells for the ``n``-th time."""

    def __init__(self, n: int) -> None:
        self.left = n

    def __call__(self, done: int, total: int) -> None:
        assert 0 <= done <= total
        self.left -= 1
        if self.left <= 0:
            raise GivenUpError


def everything_below(path):
    return {found.relative_to(path) for found in path.rglob("*")}


def test_what_is_ended_while_it_writes_leaves_nothing_behind(home):
    run = finished_run(home, "alpha", kept=())
    untrained_checkpoint(run, 40)
    (checkpoint,) = run.checkpoints()
    network = load_network(run, checkpoint, "ema", "cpu")
    *_, drawing = draw(network, SampleConfig(n=5, steps=1))
    before = everything_below(home)
    for times, write in (
        (1, lambda told: save_network_file(network, home / "out.safetensors", told)),
        (1, lambda told: save_pipeline(network, home / "folder", None, told)),
        (4, lambda told: save_pipeline(network, home / "folder", None, told)),
        (1, lambda told: save_images(drawing.x_t, home / "drawn", {}, told=told)),
        (4, lambda told: save_images(drawing.x_t, home / "drawn", {}, told=told)),
        (2, lambda told: branch(home / "runs", "twin", run, checkpoint, lambda _, *row: told(*row))),
        (9, lambda told: branch(home / "runs", "twin", run, checkpoint, lambda _, *row: told(*row))),
    ):
        with pytest.raises(GivenUpError):
            write(EndAfter(times))
        assert everything_below(home) == before


def test_reading_and_hashing_tell_of_every_byte_and_end_when_they_are_told_to(home):
    run = finished_run(home, "alpha", kept=())
    untrained_checkpoint(run, 40)
    (found,) = run.checkpoints()
    told = []
    assert verify(found, lambda *row: told.append(row)) == ""
    listed = json.loads((found.path / "manifest.json").read_text())["files"]
    total = sum(entry["size"] for entry in listed.values())
    assert told[-1] == (total, total)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    with pytest.raises(GivenUpError):
        verify(found, EndAfter(2))
    with pytest.raises(GivenUpError):
        load_network(run, found, "ema", "cpu", EndAfter(1))


def test_a_deletion_that_is_ended_has_deleted_whole_things_only(home):
    run = finished_run(home, "alpha", kept=(10, 20, 30, 40))
    run.write_config(run.config().with_values({"train": {"keep_checkpoints": 1}}))
    with pytest.raises(GivenUpError):
        retention.prune_run(run, EndAfter(2))
    assert [(one.step, one.whole) for one in list_checkpoints(run.checkpoints_path)] == [
        (20, True),
        (30, True),
        (40, True),
    ]
    with pytest.raises(GivenUpError):
        retention.delete(run, run.checkpoints()[0], EndAfter(2))
    assert [one.step for one in list_checkpoints(run.checkpoints_path)] == [30, 40]
    with pytest.raises(GivenUpError):
        run.delete(EndAfter(3))
    assert not run.is_there()
    finished_run(home, "beta").delete()  # takes the rest along
    assert not list((home / "runs").iterdir())


def test_a_job_says_how_far_it_is_and_ends_when_it_tells_next():
    gate = threading.Event()

    def work(progress):
        progress("reading", 1 << 20, 4 << 20)
        assert gate.wait(30)
        told_as(progress, "writing")(3, 4)
        return "all of it"

    async def session(ends):
        gate.clear()
        job = LongJob(work, figures.size)
        assert (job.words, job.share, job.is_over) == ("", None, False)
        job.start()
        while not job.words:
            assert not await job.over_within(0.001)
        assert (job.words, job.share) == ("reading 1.0 MiB of 4.0 MiB", 0.25)
        if ends:
            job.give_up()
        gate.set()
        await job.over()
        return job.result()

    assert asyncio.run(session(False)) == "all of it"
    with pytest.raises(GivenUpError):
        asyncio.run(session(True))


def swell(checkpoint: Checkpoint) -> None:
    """Have a checkpoint list a file that takes long to read."""
    path = checkpoint.path / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"]["huge.safetensors"] = {"size": 1 << 34, "sha256": "0" * 64}
    path.write_text(json.dumps(manifest))
    with (checkpoint.path / "huge.safetensors").open("wb") as file:
        file.truncate(1 << 34)  # takes no room on the disk


def test_verifying_branching_and_exporting_show_how_far_they_are_and_end_by_a_key(home):
    run = finished_run(home, "alpha", kept=(20, 40))
    swell(run.checkpoints()[1])

    async def script(pilot, app):
        await open_checkpoints(pilot, app)
        await pilot.press("V")
        await until_seen(pilot, "of 16.0 GiB")
        assert "V Stop" in screen_text(pilot)
        await pilot.press("V")
        await until(pilot, lambda: "◌" not in screen_text(pilot))

        await pilot.press("b")
        await until_seen(pilot, "The name of the new run")
        await pilot.press(*"twin", "enter")
        await until(pilot, lambda: isinstance(app.screen, Working))
        await until_seen(pilot, "reading")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Working))

        await pilot.press("e")
        await until_seen(pilot, "Export step 40")
        app.screen.query_one("#export-path").query_one(Input).value = str(home / "out.safetensors")
        await pilot.press("ctrl+s")
        await until_seen(pilot, "reading")
        await pilot.press("escape")
        await until_seen(pilot, "Nothing was written.")
        assert isinstance(app.screen, ExportDialog)
        # Who leaves the screen ends what it reads.
        await pilot.press("escape", "V")
        await until_seen(pilot, "of 16.0 GiB")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))

    drive(home, script, (120, 36))
    assert [path.name for path in (home / "runs").iterdir()] == ["alpha"]
    assert not (home / "out.safetensors").exists()
    assert Run(run.path).checkpoints()[1].whole
