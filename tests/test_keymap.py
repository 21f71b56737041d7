"""The user's own keys: taken where they can be, told in words where they cannot."""

import pytest
from app_pilot import drive, finished_run, screen_text, until_seen

from studio.actions import ACTIONS
from studio.cli import main
from studio.keymap import key_words, keymap_of
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
    taken = {}
    for each in sorted(ACTIONS, key=lambda action: action.place != "everywhere"):
        for key in each.key.split(","):
            assert taken.get(("everywhere", key), each.binding_id) == each.binding_id
            assert taken.setdefault((each.place, key), each.binding_id) == each.binding_id


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
        assert "j New" in screen_text(pilot)
        await pilot.press("f1")
        await until_seen(pilot, "Choose data, model and length of a new run.")
        assert "jChoose data" in screen_text(pilot)
        await pilot.press("escape", "n")
        assert "New run" not in screen_text(pilot)
        await pilot.press("j")
        await until_seen(pilot, "› New run")

    drive(tmp_path, script, settings=settings)


def test_a_key_that_cannot_be_is_told_when_the_app_opens(tmp_path):
    async def script(pilot, app):
        await until_seen(pilot, "r cannot be runs.new")

    drive(tmp_path, script, toasts=True, settings=Settings(keymap={"runs": {"new": "r"}}))
