"""Picking from a list: by keys, by letters and by mouse, in a form of two."""

import asyncio

from app_pilot import until
from textual.app import App
from textual.widgets import Button

from studio.widgets.picker import Picker, PickerList

FRUIT = ("apple", "apricot", "banana", "cherry")


class Form(App[None]):
    def __init__(self):
        super().__init__()
        self.told = []
        self.painted = set()

    def compose(self):
        yield Picker(FRUIT, "apple", id="fruit", words={"cherry": "a cherry"})
        yield Button("next")

    def _display(self, screen, renderable):
        # What a terminal is sent; a picture of the screen would be of what it ought to show.
        self.painted.update(y for y, _, _ in getattr(renderable, "spans", ()))
        super()._display(screen, renderable)

    def on_picker_changed(self, event):
        self.told.append(event.value)

    @property
    def picker(self):
        return self.query_one(Picker)


def use(script):
    async def session():
        app = Form()
        async with app.run_test(size=(40, 20)) as pilot:
            app.picker.focus()
            await pilot.pause()
            await script(pilot, app, app.picker)

    asyncio.run(session())


def test_keys_that_come_before_the_list_is_there_move_in_it():
    async def script(pilot, app, picker):
        for key in ("enter", "down", "down", "enter"):
            app.simulate_key(key)
        await until(pilot, lambda: app.told)
        assert (picker.value, picker.is_open, app.told) == ("banana", False, ["banana"])
        await pilot.press("space", "up", "up", "up", "enter")  # above the first is the last
        assert picker.value == "cherry"
        assert "a cherry" in picker.render().plain

    use(script)


def test_every_line_of_the_list_is_sent_to_the_terminal_when_it_opens():
    async def script(pilot, app, picker):
        app.painted.clear()
        await pilot.press("enter")
        await pilot.pause()
        shown = app.query_one(PickerList).region
        assert shown.height == len(FRUIT)
        assert app.painted >= set(range(shown.y, shown.bottom))

    use(script)


def test_letters_find_what_begins_with_them_and_escape_leaves_all_as_it_was():
    async def script(pilot, app, picker):
        await pilot.press("enter", "a", "p", "r")
        assert app.query_one(PickerList).highlighted == 1
        await pilot.press("escape")
        assert (picker.value, app.told, picker.is_open) == ("apple", [], False)
        assert app.focused is picker
        await pilot.press("c")  # is a key of the screen while the list is closed
        assert (picker.value, app.told) == ("apple", [])
        await pilot.press("down", "b", "enter")
        assert app.told == ["banana"]

    use(script)


def test_the_mouse_opens_picks_and_closes_and_so_does_leaving():
    async def script(pilot, app, picker):
        await pilot.click(Picker)
        await pilot.pause()
        assert picker.is_open
        shown = app.query_one(PickerList)
        assert shown.region.y == picker.region.bottom
        await pilot.click(PickerList, (3, 2))
        await pilot.pause()
        assert (picker.value, picker.is_open) == ("banana", False)
        await pilot.click(Picker)
        await pilot.press("tab")
        assert not picker.is_open
        assert isinstance(app.focused, Button)

    use(script)


def test_other_choices_are_offered_without_telling_anyone():
    async def script(pilot, app, picker):
        picker.offer(("fig", "apple"))
        assert picker.value == "apple"
        picker.offer(("fig", "grape"))
        assert picker.value == "fig"
        await pilot.pause()
        assert app.told == []

    use(script)
