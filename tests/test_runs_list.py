"""The list of runs without its screen: what is read of each, filters, orders, marks, tags and columns."""

import json
import math
import os
import time
from pathlib import Path

import pytest
from app_pilot import finished_run, metrics_row, tiny_config
from hypothesis import given
from hypothesis import strategies as st

from ddpm.errors import RunError
from ddpm.runs import Run, Status
from ddpm.runs_root import create_run
from studio import run_summaries
from studio.metrics_sketch import POINTS, sketch
from studio.run_columns import COLUMNS, cell, columns_for
from studio.run_filter import parse_filter
from studio.run_list import RunList
from studio.run_order import in_order
from studio.run_summaries import RunDetails, RunSummaries, RunSummary
from studio.run_tags import MOST, parse_tags, read_tags, write_tags
from studio.series_looks import MOST_SERIES, Marks, SeriesLook
from studio.sparkline import sparkline


def summary(name, state="finished", source="digits", tags=(), loss=0.1, step=10, changed=1.0):
    details = RunDetails(source, loss, (), None, tags)
    return RunSummary(Run(Path("/runs") / name), state, step, 100, changed, details)


RUNS = [
    summary("digits-1", tags=("best", "v2")),
    summary("digits-wide", "running", tags=("v2",)),
    summary("m-lr-1", "stopped", "mnist"),
    summary("flowers", "failed", "folder of flowers"),
]


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("", ["digits-1", "digits-wide", "m-lr-1", "flowers"]),
        ("DIGITS", ["digits-1", "digits-wide"]),
        ("flow", ["flowers"]),
        ("*-1", ["digits-1", "m-lr-1"]),
        ("d?gits-*", ["digits-1", "digits-wide"]),
        ("state:running", ["digits-wide"]),
        ("state:run", ["digits-wide"]),
        ("state:running,failed", ["digits-wide", "flowers"]),
        ("state:", ["digits-1", "digits-wide", "m-lr-1", "flowers"]),
        ("data:mnist", ["m-lr-1"]),
        ("tag:v2 tag:best", ["digits-1"]),
        ("#v2 -tag:best", ["digits-wide"]),
        ("name:m-*", ["m-lr-1"]),
        ("-digits", ["m-lr-1", "flowers"]),
        ("digits mnist", []),
        ("-", ["digits-1", "digits-wide", "m-lr-1", "flowers"]),
    ],
)
def test_a_filter_finds(typed, names):
    wanted = parse_filter(typed)
    assert not wanted.problem
    assert [run.name for run in RUNS if wanted.matches(run)] == names


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("steps:10", "there is no steps:"),
        ("state:asleep", "no state is 'asleep'; they are preparing, running"),
    ],
)
def test_a_filter_says_what_it_does_not_understand_and_goes_on_with_the_rest(typed, words):
    wanted = parse_filter(f"{typed} flow")
    assert words in wanted.problem
    assert [run.name for run in RUNS if wanted.matches(run)] == ["flowers"]


@given(st.text(max_size=30))
def test_nothing_that_is_typed_breaks_the_filter(typed):
    wanted = parse_filter(typed)
    assert all(isinstance(wanted.matches(run), bool) for run in RUNS)


def test_orders_put_live_runs_or_low_losses_first_and_unknown_ones_last():
    runs = [
        summary("a", loss=None, step=3, changed=9.0),
        summary("b", loss=0.2, step=1, changed=5.0),
        summary("c", "running", loss=0.1, step=2, changed=1.0),
        summary("d", loss=math.nan, step=2, changed=7.0),
    ]

    def names(order):
        return "".join(run.name for run in in_order(runs, order))

    assert names("changed") == "cadb"
    assert names("name") == "abcd"
    assert names("loss") == "cbad"
    assert names("step") == "acdb"


def test_marked_runs_keep_their_looks_while_others_come_and_go():
    marks = Marks()
    for name in "abc":
        marks.toggle(name)
    kept = marks.look("c")
    marks.toggle("a")
    assert marks.look("c") == kept
    marks.toggle("d")
    assert marks.look("d") == SeriesLook(0)
    assert marks.names == ["d", "b", "c"]
    marks.rename("c", "e")
    assert marks.look("e") == kept
    for name in "12345":
        marks.toggle(name)
    with pytest.raises(ValueError, match="8 runs are marked already"):
        marks.toggle("6")


def test_looks_are_told_apart_by_glyph_alone():
    looks = [SeriesLook(number) for number in range(MOST_SERIES)]
    assert len({look.glyph for look in looks}) == len({look.variable for look in looks}) == 8


def test_the_list_says_how_many_it_shows_and_forgets_marks_of_runs_that_are_gone():
    shown = RunList()
    shown.take(RUNS)
    shown.marks.toggle("flowers")
    shown.marks.toggle("m-lr-1")
    assert shown.words == "4 runs · live and newest first · 2 marked: C compares"
    shown.filter_by("digits")
    shown.order_by("name")
    assert shown.words == "2 of 4 · by name · 2 marked: C compares"
    assert [row.summary.name for row in shown.rows] == ["digits-1", "digits-wide"]
    assert [row.summary.name for row in shown.marked] == ["flowers", "m-lr-1"]
    shown.take(RUNS[:3])
    assert [row.summary.name for row in shown.marked] == ["m-lr-1"]


def test_tags_are_kept_in_the_run(tmp_path):
    run = finished_run(tmp_path)
    assert read_tags(run) == ()
    write_tags(run, parse_tags("  #best, größer-v2 best "))
    assert read_tags(run) == ("best", "größer-v2")
    write_tags(run, parse_tags(""))
    assert read_tags(run) == ()


@pytest.mark.parametrize("typed", ["a/b", "x" * 25, "esc\x1b[2J", " ".join(f"t{n}" for n in range(MOST + 1))])
def test_what_cannot_be_a_tag_is_refused(typed):
    with pytest.raises(RunError, match=r"cannot be a tag|has at most"):
        parse_tags(typed)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[" * 100_000, b"[1, null]", b'["\\u001b[2J"]', b"\xff", b'["' + b"x" * 2_000_000],
)
def test_a_strange_file_of_tags_has_none(tmp_path, content):
    run = finished_run(tmp_path)
    (run.path / "tags.json").write_bytes(content)
    assert read_tags(run) == ()


def test_tags_are_not_read_through_a_link(tmp_path):
    run = finished_run(tmp_path)
    (tmp_path / "elsewhere.json").write_text('["secret"]')
    (run.path / "tags.json").symlink_to(tmp_path / "elsewhere.json")
    assert read_tags(run) == ()


def test_a_long_curve_is_sketched_from_few_of_its_rows(tmp_path, monkeypatch):
    run = create_run(tmp_path / "runs", "long", tiny_config())
    rows = [metrics_row(step, loss=1 / step) for step in range(1, 20_001)]
    run.metrics_path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows) + b'{"torn')
    read = []
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda *where: read.append(where[1]) or pread(*where))
    found = sketch(run.metrics_path)
    assert sum(read) < 50_000
    assert len(found.losses) == POINTS
    assert list(found.losses) == sorted(found.losses, reverse=True)
    assert found.losses[0] > 0.1
    assert found.losses[-1] == pytest.approx(1 / 20_000, rel=0.01)
    assert found.last == rows[-1]


def test_a_short_curve_is_sketched_from_all_of_it(tmp_path):
    run = finished_run(tmp_path, steps=6)
    assert sketch(run.metrics_path).losses == tuple(1 / (1 + step / 10) for step in (2, 4, 6))
    assert sketch(tmp_path / "none").losses == ()


def test_a_sparkline_falls_with_its_values_and_shows_gaps():
    assert sparkline([1000, 100, 10, 1], 8) == "█▆▃▁"
    assert sparkline([1, math.nan, 2], 8) == "▁·█"
    assert sparkline([3, 3], 8) == "▁▁"
    assert sparkline([-1, 0, 1], 8) == "▁▅█"
    assert sparkline([math.nan], 8) == ""
    assert sparkline([4, 4, 2, 2], 2) == "█▁"


def test_only_runs_that_changed_are_opened_again(tmp_path, monkeypatch):
    runs = [finished_run(tmp_path, name) for name in ("a", "b", "c")]
    summaries = RunSummaries(tmp_path / "runs")
    opened = []
    details, status = run_summaries._details, Run.status
    monkeypatch.setattr(run_summaries, "_details", lambda run: opened.append(run.name) or details(run))
    monkeypatch.setattr(Run, "status", lambda run: opened.append(f"{run.name} status") or status(run))
    summaries.read()
    summaries.read_details(runs)
    assert sorted(opened) == ["a", "a status", "b", "b status", "c", "c status"]
    opened.clear()
    runs[1].append_metrics(metrics_row(50, loss=7.0))
    write_tags(runs[2], ("new",))
    runs[0].write_status(Status(state="failed", step=9, heartbeat=time.time()))
    summaries.read_details(runs)
    read = {one.name: one for one in summaries.read()}
    assert sorted(opened) == ["a status", "b", "c"]
    assert read["a"].state == "failed"
    assert read["b"].loss == 7.0
    assert read["c"].tags == ("new",)


def test_details_are_read_in_the_order_asked_for_until_the_time_is_up(tmp_path):
    runs = [finished_run(tmp_path, name) for name in ("a", "b", "c")]
    summaries = RunSummaries(tmp_path / "runs")
    summaries.read()
    pending = iter(runs[::-1])
    assert not summaries.read_details(pending, seconds=0)
    assert [one.details is None for one in summaries.read()] == [True, True, False]
    assert summaries.read_details(pending)
    assert not any(one.details is None for one in summaries.read())


@given(st.integers(20, 250), st.integers(1, 80))
def test_columns_never_take_more_than_there_is(width, longest):
    columns = columns_for(width, longest)
    assert {"name", "state"} <= {column.key for column in columns}
    if width >= 30:
        assert sum(column.width + 1 for column in columns) - 1 <= width
    shown = summary("x" * longest)
    assert all(len(cell(shown, column)) <= column.width for column in columns)


def test_a_terminal_of_80_columns_shows_all_but_speed_and_tags():
    missing = {column.key for column in COLUMNS} - {column.key for column in columns_for(76, 14)}
    assert missing == {"img_per_s", "tags"}
