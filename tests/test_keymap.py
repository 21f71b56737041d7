"""The user's own keys: taken where they can be, told in words where they cannot."""

from itertools import combinations

import pytest
from app_pilot import drive, finished_run, screen_text, until, until_seen

from studio.actions import ACTIONS
from studio.cli import main
from studio.keymap import key_words, keymap_of
from studio.screens.attention import AttentionDialog
from studio.screens.error_panel import ErrorPanel
from studio.screens.export_dialog import ExportDialog
from studio.screens.gallery import DrawingsList, GalleryDialog
from studio.screens.recipe_window import RecipeWindow
from studio.screens.runs import RunsScreen
from studio.settings import Settings


def action(place, name):
    return next(action for action in ACTIONS if action.path == (place, name))


def test_every_action_has_a_name_that_a_file_can_hold():
    assert all(part.isidentifier() for each in ACTIONS for part in each.path)
    ids = {}
    for each in ACTIONS:
        ids.setdefault(each.binding_id, set()).add(each.key)
    assert all(len(keys) == 1 for keys in ids.values()), "actions of one name share their key"


def test_no_key_means_two_things_on_one_screen():
    for one, other in combinations(ACTIONS, 2):
        if one.works_beside(other) and one.binding_id != other.binding_id:
            assert not set(one.key.split(",")) & set(other.key.split(",")), (one, other)


@pytest.mark.parametrize(
    "window", [GalleryDialog, DrawingsList, AttentionDialog, ExportDialog, RecipeWindow, ErrorPanel]
)
def test_every_key_of_a_window_is_in_the_table(window):
    assert {binding.id for binding in window.BINDINGS} <= {each.binding_id for each in ACTIONS}


def test_keys_of_ones_own_take_the_place_of_others():
    keymap = keymap_of({"runs": {"new": "ctrl+k, +"}, "monitor": {"pause": "space"}})
    assert keymap.problems == ()
    assert keymap.label(action("runs", "new")) == "ctrl+k +"
    assert ("space", "Go on with paused training.") in keymap.help_rows("monitor")
    assert keymap.label(action("runs", "filter")) == "/"
    assert key_words("shift+left") == "shift+←"


def test_two_keys_can_be_exchanged():
    keymap = keymap_of({"runs": {"new": "r", "resume": "n"}})
    assert keymap.problems == ()
    assert (keymap.label(action("runs", "new")), keymap.label(action("runs", "resume"))) == ("r", "n")


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ({"runs": {"new": "r"}}, "r cannot be runs.new: it is runs.resume already"),
        ({"runs": {"new": "?"}}, "? cannot be runs.new: it is everywhere.help already"),
        ({"runs": {"neww": "j"}}, "no such action; did you mean new?"),
        ({"run": {"new": "j"}}, "keymap.run: there is no such screen"),
        ({"runs": {"new": "ctr+j"}}, "'ctr+j' is no key"),
        ({"runs": {"new": "nonsense"}}, "'nonsense' is no key"),
        ({"runs": {"new": ""}}, "'' is no key"),
        ({"sample": {"draw": "d"}}, "would be typed into fields"),
    ],
)
def test_what_cannot_be_is_left_out_and_told(wishes, told):
    keymap = keymap_of(wishes)
    assert keymap.own == {}
    (problem,) = keymap.problems
    assert told in problem


def test_the_settings_command_lists_every_key(tmp_path, monkeypatch, capsys):
    file = tmp_path / "settings.toml"
    file.write_text('[keymap.runs]\nnew = "j"\nresume = "t"\n')
    monkeypatch.setenv("DDPM_STUDIO_SETTINGS", str(file))
    assert main(["settings"]) == 0
    printed = capsys.readouterr().out
    assert '# new = "j"' in printed
    assert '# resume = "r"' in printed
    assert "# Not used: t cannot be runs.resume: it is runs.train_digits already" in printed
    assert all(f"# {each.path[1]} = " in printed for each in ACTIONS)


def test_the_app_obeys_and_shows_them(tmp_path):
    finished_run(tmp_path)
    settings = Settings(keymap={"runs": {"new": "j"}, "everywhere": {"help": "f1"}})

    async def script(pilot, app):
        await until_seen(pilot, "done-1")
        await until_seen(pilot, "j New")
        await pilot.press("f1")
        await until_seen(pilot, "Choose data, model and length of a new run.")
        assert "j  Choose data" in screen_text(pilot)
        await pilot.press("escape", "n")
        assert "New run" not in screen_text(pilot)
        await pilot.press("j")
        await until_seen(pilot, "› New run")

    drive(tmp_path, script, settings=settings)


def test_a_window_has_keys_of_ones_own_a_help_and_its_actions_in_the_palette(tmp_path):
    run = finished_run(tmp_path)

    async def script(pilot, app):
        await until_seen(pilot, "done-1")
        app.push_screen(GalleryDialog(run, app.workshop.pictures))
        await until_seen(pilot, "Nothing was saved yet")
        await until_seen(pilot, "b Back")
        await pilot.press("question_mark")
        await until_seen(pilot, "Show the chosen drawing")
        assert "Leave the app" not in screen_text(pilot)
        await pilot.press("escape", "ctrl+p")
        await until_seen(pilot, "Back  (b)")
        await pilot.press("escape", "b")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))

    drive(tmp_path, script, settings=Settings(keymap={"gallery": {"back": "b"}}))


def test_a_key_that_cannot_be_is_told_when_the_app_opens(tmp_path):
    async def script(pilot, app):
        await until_seen(pilot, "r cannot be runs.new")

    drive(tmp_path, script, toasts=True, settings=Settings(keymap={"runs": {"new": "r"}}))
