"""The panels of the monitor are remembered from start to start, and nothing depends on that."""

import pytest

from studio.panel_memory import PanelLayout, memory_path, remember, remembered


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("DDPM_STUDIO_STATE", str(tmp_path / "state"))


def test_a_layout_is_there_again_at_the_next_start():
    layout = PanelLayout().toggled("log").toggled("plot").with_side(30).with_log(9).toggled("plot")
    assert remembered() == PanelLayout()
    remember(layout)
    assert remembered() == layout == PanelLayout(hidden=("log",), side=30, log=9)


def test_sizes_stay_within_what_leaves_room_for_the_others():
    assert (PanelLayout().with_side(500).side, PanelLayout().with_side(-5).side) == (80, 20)
    assert (PanelLayout().with_log(500).log, PanelLayout().with_log(0).log) == (60, 3)


@pytest.mark.parametrize("content", ["", "[]", '{"side": 900}', '{"hidden": ["everything"]}', "\x00"])
def test_a_damaged_file_is_as_good_as_none(content):
    memory_path().parent.mkdir()
    memory_path().write_text(content)
    assert remembered() == PanelLayout()


def test_what_a_later_version_remembers_besides_is_passed_over():
    memory_path().parent.mkdir()
    memory_path().write_text('{"log": 12, "aurora": true}')
    assert remembered() == PanelLayout(log=12)


def test_a_place_that_cannot_be_written_costs_only_the_memory(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DDPM_STUDIO_STATE", str(tmp_path / "file"))
    remember(PanelLayout(log=12))
    assert remembered() == PanelLayout()
