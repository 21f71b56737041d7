"""A new run: what goes in on the left, what comes of it on the right, before anything is started."""

import asyncio
from typing import Any, ClassVar

from textual import work
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.events import DescendantFocus
from textual.widget import Widget
from textual.widgets import Input

from ddpm.config import Config
from ddpm.datasets import DATASETS
from ddpm.errors import DataError, DDPMError, MissingDataError
from ddpm.presets import EXPERIENCES, NEED_A_GPU, PRESETS, preset_for
from ddpm.runs import check_name
from ddpm.runs_root import create_run, free_name
from studio import figures, messages
from studio.action import Place
from studio.actions import bindings
from studio.data_look import sets_here
from studio.home import data_root, home_directory
from studio.recipe_form import Draft, command, draft, starting_texts, values_like
from studio.screens.base import StudioScreen
from studio.screens.dialogs import Ask, Confirm, Waiting
from studio.screens.recipe_window import RecipeWindow
from studio.user_presets import check_preset_name, own_presets, presets_folder, save_preset, values_to_keep
from studio.widgets.fields import Field, KeyedInput, field_of
from studio.widgets.outlook import Outlook
from studio.widgets.picker import Picker
from studio.widgets.recipe_sections import RecipeSections
from studio.widgets.words import Words
from studio.workshop import Workshop

FOLDER = "path or hf:owner/name …"
HELP = {
    "source": "The images to train on: ✓ on this disk, ↓ fetched when training starts, or a path of your own.",
    "folder": "Path of a folder of images, of a .npy or .npz file, or hf:owner/name of the Hugging Face hub.",
    "preset": "What the fields below begin with; those that you have changed stay. A time is what it took once, see "
    "beside.",
    "name": "What the run is called, and its folder.",
}

_PRESET_WORDS = {
    **{name: f"{name} · {figures.duration(known.seconds)}" for name, known in EXPERIENCES.items()},
    **{name: f"{name} · needs a GPU" for name in NEED_A_GPU},
}


class NewRunScreen(StudioScreen):
    place: ClassVar[Place] = "new run"
    BINDINGS: ClassVar[list[BindingType]] = bindings("new run")

    def __init__(self, workshop: Workshop, like: Config | None = None, name: str = "") -> None:
        """``like`` and ``name``: the recipe of another run to start from, and what that is called."""
        super().__init__(workshop, "New run", f" like {name}" if name else "")
        own, self._broken_presets = own_presets()
        self._presets = {**PRESETS, **own}
        self._starts: dict[str, dict[str, Any]] = dict(self._presets)
        self._first = ("digits", "digits")
        if like is not None:
            self._first = (like.data.source, f"like {name}")
            self._starts[self._first[1]] = values_like(like)
        self._filled: dict[str, str] = {}
        self._offered_name = ""
        self._draft = Draft(None, None, {})
        self._is_wrong = False

    def body(self) -> list[Widget]:
        source, start = self._first
        texts = starting_texts(source, self._starts[start])
        picked, given = (source, "") if source in DATASETS else (FOLDER, source)
        form = VerticalScroll(
            Field("Data set", Picker([*DATASETS, FOLDER], picked), "source", HELP["source"]),
            Field("Path", KeyedInput(given, placeholder="~/Pictures/cats"), "folder", HELP["folder"]),
            Field("Preset", Picker(self._starts, start, words=_PRESET_WORDS), "preset", HELP["preset"]),
            Field("Name", KeyedInput(""), "name", HELP["name"]),
            RecipeSections(texts, id="recipe"),
            id="form",
            can_focus=False,
        )
        side = Outlook(self.workshop, id="side")
        return [Horizontal(form, side, id="new-run"), Words("", id="field-help", markup=False)]

    def on_mount(self) -> None:
        self._filled = starting_texts(self._first[0], self._starts[self._first[1]])
        self._offer_name()
        self._show()
        self._field("source").control.focus()
        self._mark_sets()
        for problem in self._broken_presets:
            self.notify(problem, severity="warning", timeout=10, markup=False)

    # What the form says

    def _field(self, id: str) -> Field:
        return self.query_one(f"#{id}", Field)

    @property
    def _source(self) -> str:
        chosen = self._field("source").text
        return self._field("folder").text.strip() if chosen == FOLDER else chosen

    @property
    def _outlook(self) -> Outlook:
        return self.query_one(Outlook)

    @property
    def _sections(self) -> RecipeSections:
        return self.query_one(RecipeSections)

    # Changes

    def on_picker_changed(self, event: Picker.Changed) -> None:
        match field_of(event.picker).id:
            case "source":
                self._field("preset").fill(preset_for(self._source))
                self._refill()
                self._offer_name()
                self._show()
                if self._is_path:
                    # The field that has just come: what is typed next is meant for it.
                    self._field("folder").control.focus()
            case "preset":
                self._refill()
                self._show()
            case _:
                self._show()

    def on_input_changed(self, event: Input.Changed) -> None:
        if field_of(event.input).id == "folder":
            self._offer_name()
        self._show()

    def on_recipe_sections_changed(self) -> None:
        self._show()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        fields = [parent for parent in event.widget.ancestors if isinstance(parent, Field)]
        self.query_one("#field-help", Words).update(fields[0].help if fields else "")

    def _refill(self) -> None:
        """Put the preset's values into the fields that nobody has changed."""
        texts = starting_texts(self._source, self._starts[self._field("preset").text])
        said = self._sections.texts
        kept = {name: text for name, text in said.items() if text != self._filled[name]}
        self._sections.fill({**texts, **kept}, texts)
        self._filled = texts

    def _offer_name(self) -> None:
        field = self._field("name")
        if field.text == self._offered_name:
            try:
                self._offered_name = free_name(self.workshop.runs_root, self._source or "folder")
            except DDPMError as error:
                self.complain(error)
                return
            field.fill(self._offered_name)

    def on_outlook_data_found(self) -> None:
        self._show()

    @work(group="sets", exit_on_error=False)
    async def _mark_sets(self) -> None:
        """Say of each data set that has a name whether it is on this disk."""
        here = await asyncio.to_thread(sets_here, self.workshop.data_root)
        if self.is_there:
            marks = {name: f"{'✓' if name in here else '↓'} {name}" for name in DATASETS}
            self._field("source").offer([*DATASETS, FOLDER], marks)

    def _show(self) -> None:
        self._field("folder").display = self._is_path
        texts = self._sections.texts
        self._draft = draft(self._source, texts)
        self._outlook.look_at(self._draft.data)
        problems = dict(self._draft.problems)
        if name_problem := self._name_problem():
            problems["name"] = name_problem
        found = self._outlook.found
        if isinstance(found, DataError) and not isinstance(found, MissingDataError):
            problems.setdefault("data.source", str(found))
        self._field("name").show_problem(problems.get("name", ""))
        shown, hidden = ("folder", "source") if self._is_path else ("source", "folder")
        self._field(shown).show_problem(problems.get("data.source", ""))
        self._field(hidden).show_problem("")
        self._sections.show_problems(problems)
        self._is_wrong = bool(problems)
        config = self._draft.config
        preset = self._matching_preset() if texts == self._filled else ""
        self._outlook.show(config, preset, self._command(config) if config else "")

    @property
    def _is_path(self) -> bool:
        return self._field("source").text == FOLDER

    def _name_problem(self) -> str:
        name = self._run_name
        try:
            check_name(name)
        except DDPMError as error:
            return str(error)
        taken = (self.workshop.runs_root / name).exists()
        return "there is a run of that name already" if taken else ""

    def _command(self, config: Config) -> str:
        chosen = self._field("preset").text
        preset = chosen if chosen in self._presets else preset_for(config.data.source)
        return command(config, (preset, self._presets[preset]), self._run_name, self._options())

    @property
    def _run_name(self) -> str:
        return self._field("name").text.strip()

    def _options(self) -> list[str]:
        """What a command needs to find the same places, and the data."""
        options = []
        if self.workshop.home != home_directory():
            options += ["--home", str(self.workshop.home)]
        if self.workshop.data_root != data_root(self.workshop.home):
            options += ["--data-root", str(self.workshop.data_root)]
        if isinstance(self._outlook.found, MissingDataError):
            options += ["--download"]
        return options

    def _matching_preset(self) -> str:
        """The preset, where the data set is the one that it is made for; else empty."""
        chosen = self._field("preset").text
        return chosen if self._source == self._starts[chosen].get("data", {}).get("source") else ""

    # Presets

    @work(group="preset", exclusive=True, exit_on_error=False)
    async def action_save_preset(self) -> None:
        self._show()
        if (config := self._draft.config) is None:
            await self._go_to_problem()
            return
        detail = f"All but the data set. It is kept in {presets_folder()} and listed with the others."
        name = await self.app.push_screen_wait(
            Ask("Save these values as a preset called …", detail, "", "Save", check_preset_name)
        )
        replaces = f"There is a preset {name}. Replace it?"
        if not name or (
            name in self._presets and not await self.app.push_screen_wait(Confirm(replaces, "", "Replace"))
        ):
            return
        try:
            path = await asyncio.to_thread(save_preset, name, config)
        except DDPMError as error:
            self.complain(error)
            return
        if self.is_there:
            self._presets[name] = self._starts[name] = values_to_keep(config)
            field = self._field("preset")
            field.offer(self._starts, _PRESET_WORDS)
            field.fill(name)
            self._filled = self._sections.texts
            self._sections.fill(self._filled, self._filled)
            self._show()
            self.notify(f"Saved as {path}", markup=False)

    # Start

    async def on_button_pressed(self) -> None:
        await self.action_start()

    def on_input_submitted(self) -> None:
        self.focus_next()

    async def action_unfold(self) -> None:
        await self._sections.unfold(not self._sections.is_unfolded)

    async def action_show_command(self) -> None:
        self._show()
        if (config := self._draft.config) is None:
            await self._go_to_problem()
            return
        self.app.push_screen(RecipeWindow(config, self._command(config), self._run_name, self._options()))

    async def action_schedule(self) -> None:
        self._show()
        if self._draft.config is None:
            await self._go_to_problem()
            return
        self.post_message(messages.OpenSchedule(self._draft.config))

    async def action_start(self) -> None:
        self._show()
        if self._draft.config is None or self._is_wrong:
            await self._go_to_problem()
            return
        if self._outlook.problem:
            self.notify(self._outlook.problem, severity="error", timeout=10, markup=False)
            return
        if busy := self._busy():
            self.notify(f"{busy}; stop it before starting another.", severity="warning", markup=False)
            return
        self._start_training(self._draft.config, self._run_name)

    @work(group="start", exclusive=True, exit_on_error=False)
    async def _start_training(self, config: Config, name: str) -> None:
        outlook = self._outlook
        if outlook.is_measuring():
            # Two networks in the memory of one device may be one too many.
            outlook.end_trial()
            if not await self.app.push_screen_wait(
                Waiting("Ending the trial …", lambda: not outlook.is_measuring())
            ):
                return
        try:
            run = create_run(self.workshop.runs_root, name, config)
        except DDPMError as error:
            self.complain(error)
            return
        self.post_message(messages.StartTraining(run))

    def _busy(self) -> str:
        """Which run this app trains, in words; empty where it trains none."""
        runner = self.workshop.runner
        return f"{runner.run.name} is training" if runner.is_alive and runner.run is not None else ""

    async def action_measure(self) -> None:
        self._show()
        if busy := self._busy():
            self.notify(f"{busy}: beside it a trial would measure neither.", severity="warning", markup=False)
        elif not self._outlook.measure():
            await self._go_to_problem()

    async def _go_to_problem(self) -> None:
        self.notify("Some fields need mending first.", severity="warning")
        for id in ("source", "folder", "name"):
            if self._field(id).problem:
                self._field(id).control.focus()
                return
        await self._sections.go_to_problem()
