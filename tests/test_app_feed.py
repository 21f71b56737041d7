"""Following a run directory: what is new is read once, what was replaced is read anew, nothing is too torn."""

import json
import os
import shutil
import time

import numpy as np
import pytest
from app_pilot import finished_run, metrics_row, tiny_config, write_preview
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.runs import Status
from ddpm.runs_root import create_run
from studio.arrangement import arrange
from studio.contact_sheet import preview_images, sheet
from studio.feed import LineTail, RunFeed, last_row, newest_preview
from studio.run_order import in_order
from studio.run_state import seen_state
from studio.run_summaries import RunSummaries
from studio.run_view import MOST_MARKED, RunView


def line(step: int) -> bytes:
    return json.dumps({"step": step}).encode() + b"\n"


def test_each_row_is_read_once(tmp_path):
    path = tmp_path / "metrics.jsonl"
    tail = LineTail(path)
    assert tail.read() == ([], False, False)
    path.write_bytes(line(1) + line(2))
    assert [row["step"] for row in tail.read()[0]] == [1, 2]
    assert tail.read()[0] == []
    with path.open("ab") as file:
        file.write(line(3))
    assert [row["step"] for row in tail.read()[0]] == [3]


@settings(max_examples=40)
@given(st.lists(st.integers(1, 40), max_size=12), st.integers(1, 30))
def test_rows_survive_any_tearing_of_the_writes(tmp_path_factory, cuts, limit):
    path = tmp_path_factory.mktemp("tail") / "metrics.jsonl"
    content = b"".join(line(step) for step in range(12))
    tail, seen, at = LineTail(path), [], 0
    path.touch()
    for cut in [*cuts, len(content)]:
        with path.open("ab") as file:
            file.write(content[at : at + cut])
        at += cut
        more = True
        while more:
            rows, began_again, more = tail.read(limit)
            assert not began_again
            seen += [row["step"] for row in rows]
    assert seen == list(range(12))


def test_a_file_that_shrank_is_read_from_its_start(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(line(1) + line(2) + line(3))
    tail = LineTail(path)
    tail.read()
    path.write_bytes(line(1))
    rows, began_again, _ = tail.read()
    assert ([row["step"] for row in rows], began_again) == ([1], True)


def test_a_rewound_run_shows_only_what_is_true_now(tmp_path):
    run = finished_run(tmp_path)
    feed, view = RunFeed(run), RunView()
    view.take(feed.poll(), starting=False)
    assert view.loss.x[-1] == 40
    run.rewind(20)
    run.append_metrics(metrics_row(22, loss=7.0))
    view.take(feed.poll(), starting=False)
    assert view.loss.x.tolist() == list(range(2, 23, 2))
    assert view.latest["loss"] == 7.0


def test_a_long_run_is_read_in_parts_and_whole(tmp_path):
    run = create_run(tmp_path / "runs", "long", tiny_config(train={"steps": 30_000}))
    run.metrics_path.write_bytes(
        b"".join(json.dumps(metrics_row(step)).encode() + b"\n" for step in range(1, 30_001))
    )
    feed, view, polls, more = RunFeed(run), RunView(), 0, True
    loss = view.loss
    while more:
        news = feed.poll()
        view.take(news, starting=False)
        more, polls = news.more, polls + 1
        # From the first moment on something of all of it, and its newest row.
        assert (loss.x[0], loss.x[-1], view.latest["step"]) == (1, 30_000, 30_000)
        assert np.diff(loss.x).max() < 100
    assert polls > 1
    assert loss.x.tolist() == list(range(1, 30_001))
    run.append_metrics(metrics_row(30_001))
    view.take(feed.poll(), starting=False)
    assert loss.x[-1] == 30_001


def test_a_row_of_rubbish_is_passed_over(tmp_path):
    run = finished_run(tmp_path)
    with run.metrics_path.open("ab") as file:
        file.write(b'{"step": "many", "loss": null}\n[1]\nnot json\n{"step": 42, "loss": "NaN"}\n')
    view = RunView()
    view.take(RunFeed(run).poll(), starting=False)
    assert view.loss.x[-1] == 42
    assert view.figure("loss") is None


def test_the_time_left_follows_from_speed_and_steps(tmp_path):
    run = create_run(tmp_path / "runs", "r", tiny_config(train={"steps": 100, "batch_size": 8}))
    run.append_metrics(metrics_row(50))
    run.write_status(Status(state="running", step=50, steps=100))
    view = RunView()
    view.take(RunFeed(run).poll(), starting=True)
    assert view.seconds_left == pytest.approx(50 * 8 / 400.0)
    assert view.share_done == 0.5


def test_a_limit_in_minutes_ends_it_sooner(tmp_path):
    run = create_run(tmp_path / "runs", "r", tiny_config(train={"steps": 10**6, "max_minutes": 1.0}))
    run.append_metrics(metrics_row(100))
    run.write_status(Status(state="running", step=100, steps=10**6))
    view = RunView()
    view.take(RunFeed(run).poll(), starting=True)
    assert view.seconds_left == pytest.approx(60 - 10)


def test_states_seen_from_outside():
    for state in ("preparing", "running", "paused"):
        assert seen_state(Status(state=state), training=True) == state
        assert seen_state(Status(state=state), training=False) == "dead"
    assert seen_state(Status(state="failed"), training=False) == "failed"
    assert seen_state(Status(state="stopped"), training=False, starting=True) == "preparing"


def test_a_run_that_is_held_by_its_lock_is_alive(tmp_path):
    run = finished_run(tmp_path)
    run.write_status(Status(state="running", step=3, steps=40, heartbeat=time.time()))
    summaries = RunSummaries(tmp_path / "runs")
    assert summaries.read()[0].state == "dead"
    with run.locked():
        assert summaries.read()[0].state == "running"


def test_the_list_has_the_live_runs_first_and_then_the_latest(tmp_path):
    for name, state, beat in (("a", "finished", 10.0), ("b", "stopped", 30.0), ("c", "running", 20.0)):
        run = create_run(tmp_path, name, tiny_config())
        run.write_status(Status(state=state, heartbeat=beat))
    with run.locked():
        listed = in_order(RunSummaries(tmp_path).read(), "changed")
        assert [summary.name for summary in listed] == ["c", "b", "a"]


def test_a_damaged_recipe_is_listed_not_fatal(tmp_path):
    run = finished_run(tmp_path)
    run.config_path.write_text("steps = [")
    summaries = RunSummaries(tmp_path / "runs")
    summaries.read()
    summaries.read_details([run])
    assert summaries.read()[0].source == "damaged"
    assert "not valid TOML" in RunFeed(run).poll().problem


def test_the_last_row_is_found_in_a_long_file_with_a_torn_end(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"".join(line(step) for step in range(5000)) + b'{"step": 50')
    assert last_row(path) == {"step": 4999}
    assert last_row(tmp_path / "none") is None


def test_a_preview_counts_once_its_recipe_is_there(tmp_path):
    run = finished_run(tmp_path)
    (run.previews_path / "00000099.png").write_bytes(b"half written")
    assert newest_preview(run).step == 40


def test_previews_are_found_as_they_come_and_go_however_fast(tmp_path):
    run = finished_run(tmp_path)
    feed, seen = RunFeed(run), run.previews_path
    before = feed.poll().preview_steps
    for step in range(50, 60):
        write_preview(run, step)
        assert feed.poll().preview_steps == (*before, *range(50, step + 1))
    long_ago = time.time() - 60
    os.utime(seen, (long_ago, long_ago))
    assert feed.poll().preview_steps[-1] == 59
    write_preview(run, 60)
    assert feed.poll().preview_steps[-1] == 60
    shutil.rmtree(seen)
    assert feed.poll().preview_steps == ()


def test_of_events_without_end_a_curve_keeps_the_newest_that_it_shows(tmp_path):
    run, view = finished_run(tmp_path), RunView()
    for step in range(600):
        run.record("note", step)
        run.record("preview", step)
    feed, more = RunFeed(run), True
    while more:
        news = feed.poll()
        view.take(news, starting=False)
        more = news.more
    assert [event["step"] for event in view.marked] == list(range(600 - MOST_MARKED, 600))


def test_a_preview_is_cut_into_the_samples_it_was_made_of(tmp_path):
    run = finished_run(tmp_path)
    samples = write_preview(run, 50, n=5, columns=2)
    assert (preview_images(newest_preview(run)) == samples).all()


sides = st.integers(1, 300)


@given(st.integers(1, 80), st.tuples(sides, sides), st.tuples(st.integers(4, 500), st.integers(4, 500)))
def test_a_sheet_fits_its_space_and_keeps_the_shape_of_the_images(n, image_size, space):
    found = arrange(n, image_size, space)
    if found is None:
        return
    assert found.height <= space[0]
    assert found.width <= space[1]
    assert 1 <= found.shown <= n
    assert found.shown <= found.columns * found.rows
    if found.tile_height > image_size[0]:
        assert found.tile_height % image_size[0] == 0
        assert found.tile_height // image_size[0] == found.tile_width // image_size[1]


def test_samples_get_sixteen_pixels_where_there_is_room_for_enough_of_them():
    roomy = arrange(16, (8, 8), (84, 68))
    assert (roomy.tile_height, roomy.shown) == (16, 16)
    narrow = arrange(16, (8, 8), (38, 35))
    assert (narrow.tile_height, narrow.shown) == (8, 16)
    large = arrange(16, (28, 28), (38, 35))
    assert large.tile_height >= 16
    assert large.shown == 4


def test_enlarged_samples_are_crisp(tmp_path):
    run = finished_run(tmp_path)
    images = preview_images(newest_preview(run))
    arrangement = arrange(4, (8, 8), (65, 65))
    picture = sheet(images, arrangement, (0, 0, 0))
    assert arrangement.tile_width == 32
    assert {picture.getpixel((x, y)) for x in range(32) for y in range(32)} == {(40, 40, 40)}


def test_a_trainer_that_is_silent_for_a_minute_is_stalled_and_one_without_a_lock_is_dead():
    now = 1e9

    def seen(state, heartbeat, training=True):
        return seen_state(Status(state=state, heartbeat=heartbeat), training=training, now=now)

    for state in ("preparing", "running", "paused"):
        assert seen(state, now - 59) == state
        assert seen(state, now - 61) == "stalled"
        assert seen(state, now - 61, training=False) == "dead"
        assert seen(state, now + 3600) == state, "a clock that is ahead is no reason to worry"
        assert seen(state, 0.0) == state, "a trainer that tells no times is not judged by them"
    assert seen("finished", now - 61) == "finished"
