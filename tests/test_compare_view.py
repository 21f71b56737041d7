"""Runs side by side, without a screen: differing recipes, and one step for the previews of all."""

import pytest
from app_pilot import finished_run, metrics_row, tiny_config, write_preview

from ddpm.config import Config, merge
from studio.compare_view import UNKNOWN, CompareView, Difference, differences
from studio.series_looks import SeriesLook


def view_of(*runs):
    view = CompareView([(run, SeriesLook(number)) for number, run in enumerate(runs)])
    look(view)
    return view


def look(view):
    for run in view.runs:
        run.take(run.glance(), starting=False)


def test_only_the_fields_that_differ_are_told_by_their_dotted_names():
    first = tiny_config()
    second = tiny_config(model={"dim_mults": [1, 2, 4]}, train={"lr": 3e-4}, data={"class_names": ["a", "b"]})
    found = differences([first, second, first])
    assert [difference.field for difference in found] == ["model.dim_mults", "train.lr"]
    assert found[0].values == ("1,2", "1,2,4", "1,2")
    assert found[1].values[1] == "0.0003"
    assert differences([first, first]) == []


def test_changes_on_the_way_are_a_difference_and_unset_and_unreadable_values_are_told():
    first = tiny_config(train={"max_minutes": 2.5})
    second = Config.build(merge(tiny_config().model_dump(), {"changes": [{"step": 1500, "lr": 1e-4}]}))
    assert differences([first, second, None]) == [
        Difference("train.max_minutes", ("2.5", "unset", UNKNOWN)),
        Difference("changes", ("none", "at step 1,500", UNKNOWN)),
    ]
    assert differences([first, None]) == []


def test_two_to_eight_runs_are_compared(tmp_path):
    run = finished_run(tmp_path)
    for number in (1, 9):
        with pytest.raises(ValueError, match=f"2 to 8 runs can be compared, not {number}"):
            CompareView([(run, SeriesLook(0))] * number)


def test_the_slider_stands_at_the_steps_of_all_and_each_run_shows_its_last_one_before(tmp_path):
    first, second = (finished_run(tmp_path, name, kept=()) for name in ("first", "second"))
    for step in (10, 30):
        write_preview(first, step)
    write_preview(second, 25)
    view = view_of(first, second)
    assert view.steps == [10, 25, 30, 40]
    view.go(0)
    assert (view.step, [run.preview_step(view.step) for run in view.runs]) == (10, [10, None])
    view.go(2)
    assert (view.step, [run.preview_step(view.step) for run in view.runs]) == (30, [30, 25])
    view.go(99)
    assert view.step == 40


def test_at_the_last_step_the_slider_follows_what_comes_and_elsewhere_it_stays(tmp_path):
    first, second = (finished_run(tmp_path, name, kept=()) for name in ("first", "second"))
    view = view_of(first, second)
    assert view.step == 40
    write_preview(second, 50)
    look(view)
    assert view.step == 50
    view.go(0)
    write_preview(first, 60)
    write_preview(second, 20)
    look(view)
    assert (view.steps, view.step, view.place) == ([20, 40, 50, 60], 40, 1)


def test_live_runs_go_on_and_a_deleted_one_takes_nothing_with_it(tmp_path):
    first, second = (finished_run(tmp_path, name, kept=()) for name in ("first", "second"))
    view = view_of(first, second)
    assert [len(run.view.loss) for run in view.runs] == [20, 20]
    first.append_metrics(metrics_row(42, loss=0.5))
    second.delete()
    look(view)
    assert view.runs[0].view.loss.y[-1] == 0.5
    assert view.runs[1].view.state == "gone"


def test_runs_without_previews_have_no_step(tmp_path):
    runs = [finished_run(tmp_path, name, kept=()) for name in ("first", "second")]
    for run in runs:
        (run.previews_path / "00000040.png").unlink()
    view = view_of(*runs)
    assert (view.steps, view.step, view.place) == ([], None, 0)
    view.go(3)
    assert view.step is None
