"""What is typed faster than the app works is handled as if it had been typed slowly."""

from app_pilot import drive, finished_run, until
from textual import events
from textual.keys import _character_to_key
from textual.widgets import Input

from ddpm.runs_root import list_runs
from studio.screens.new_run import NewRunScreen


def burst(app, *keys: str) -> None:
    """All keys at once, as they come over a slow line or from a fast hand."""
    for key in keys:
        name = _character_to_key(key) if len(key) == 1 else key
        app.post_message(events.Key(name, key if len(key) == 1 else None))


def typed(app, id: str) -> str:
    return next((found.value for found in app.screen.query(f"#{id} Input").results(Input)), "")


def test_a_letter_behind_a_tab_is_typed_into_the_next_field(home):
    async def script(pilot, app):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        app.screen.query_one("#train-steps").query_one(Input).focus()
        await pilot.pause()
        burst(app, "end", "5", "enter", "end", "6", "tab", *"0.5", "shift+tab", "end", "7")
        await until(pilot, lambda: typed(app, "train-batch_size").endswith("67"))
        assert typed(app, "train-steps") == "12505"
        assert typed(app, "train-lr") == "0.5"

    drive(home, script, (120, 48))


def test_keys_behind_one_that_opens_a_window_are_typed_into_it(home):
    finished_run(home, "alpha")

    async def script(pilot, app):
        await until(pilot, lambda: app.screen.chosen_run is not None)
        burst(app, "R", "end", *"-new", "enter", "n", "tab", "tab", "end", "x")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        await until(pilot, lambda: typed(app, "name") == "digits-1x")
        assert [run.name for run in list_runs(home / "runs")] == ["alpha-new"]

    drive(home, script, (120, 48))


def test_what_is_picked_fast_from_a_drop_down_is_followed_by_its_field(home):
    async def script(pilot, app):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        burst(app, "enter", "end", "enter", *"/nowhere")
        await until(pilot, lambda: typed(app, "folder") == "/nowhere")

    drive(home, script, (120, 48))
