"""A new run: what goes in on the left, what comes of it on the right, before anything is started."""

from typing import Any, ClassVar

from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Button, Input, Select, Static

from ddpm.config import Config
from ddpm.datasets import DATASETS
from ddpm.errors import DataError, DDPMError, MissingDataError
from ddpm.presets import PRESETS, preset_for
from ddpm.runs import check_name, create_run, free_name
from studio import messages
from studio.actions import Place, bindings
from studio.data_look import DataLook, Found
from studio.home import data_root, home_directory
from studio.recipe_form import FIELDS, Draft, command, draft, starting_texts, values_like
from studio.run_forecast import forecast
from studio.screens.base import StudioScreen
from studio.widgets.fields import Field, KeyedInput, picker
from studio.workshop import Workshop

FOLDER = "folder of images …"
DEBOUNCE_SECONDS = 0.2
LOOK_SECONDS = 0.1


class NewRunScreen(StudioScreen):
    place: ClassVar[Place] = "new run"
    BINDINGS: ClassVar[list[BindingType]] = bindings("new run")

    def __init__(self, workshop: Workshop, like: Config | None = None, name: str = "") -> None:
        """``like`` and ``name``: the recipe of another run to start from, and what that is called."""
        super().__init__(workshop, "New run", f" like {name}" if name else "")
        self._starts: dict[str, dict[str, Any]] = dict(PRESETS)
        self._first = ("digits", "digits")
        if like is not None:
            self._first = (like.data.source, f"like {name}")
            self._starts[self._first[1]] = values_like(like)
        self._picked = self._first[0] if self._first[0] in DATASETS else FOLDER
        self._filled: dict[str, str] = {}
        self._offered_name = ""
        self._look = DataLook(workshop.data_root)
        self._asking: Timer | None = None
        self._summary: Found | None = None
        self._draft = Draft(None, {})

    def body(self) -> list[Widget]:
        source, start = self._first
        texts = starting_texts(source, self._starts[start])
        fields = [
            Field(field.label, picker(field.choices, texts[field.dotted]), id=field.id)
            if field.choices
            else Field(field.label, KeyedInput(texts[field.dotted], allowed=field.allowed), id=field.id)
            for field in FIELDS
        ]
        form = VerticalScroll(
            Field("Data set", picker([*DATASETS, FOLDER], self._picked), id="source"),
            Field(
                "Folder",
                KeyedInput(
                    "" if source in DATASETS else source,
                    placeholder="path of a folder of images, or of an array",
                ),
                id="folder",
            ),
            Field("Preset", picker(self._starts, start), id="preset"),
            Field("Name", KeyedInput(""), id="name"),
            *fields,
            id="form",
        )
        side = Vertical(
            VerticalScroll(Static(id="forecast", markup=False), id="forecast-scroll", can_focus=False),
            Button("Start training  (ctrl+s)", id="start", variant="primary", compact=True),
            id="side",
        )
        return [Horizontal(form, side, id="new-run")]

    def on_mount(self) -> None:
        self.query_one("#forecast-scroll").border_title = "what will happen"
        for field in FIELDS:
            self._field(field.id).tooltip = field.help
        self._filled = starting_texts(self._first[0], self._starts[self._first[1]])
        self._offer_name()
        self._data_changed()
        self._field("source").control.focus()
        self.set_interval(LOOK_SECONDS, self._take_summary)

    def on_unmount(self) -> None:
        self._look.forget()

    # What the form says

    def _field(self, id: str) -> Field:
        return self.query_one(f"#{id}", Field)

    @property
    def _source(self) -> str:
        chosen = self._field("source").text
        return self._field("folder").text.strip() if chosen == FOLDER else chosen

    @property
    def _start(self) -> dict[str, Any]:
        return self._starts[self._field("preset").text]

    def _texts(self) -> dict[str, str]:
        shown = [field for field in FIELDS if self._field(field.id).display]
        return {field.dotted: self._field(field.id).text for field in shown}

    # Changes

    def on_select_changed(self, event: Select.Changed) -> None:
        match _field_id(event.select):
            case "source" if event.value == self._picked:
                self._show()  # a picker tells what it begins with, too
            case "source":
                self._picked = str(event.value)
                self._field("preset").fill(preset_for(self._source))
                self._refill()
                self._offer_name()
                self._data_changed()
            case "preset":
                self._refill()
                self._show()
            case _:
                self._show()

    def on_input_changed(self, event: Input.Changed) -> None:
        changed = _field_id(event.input)
        if changed == "folder":
            self._offer_name()
        if changed in ("folder", "data-image_size"):
            self._data_changed()
        else:
            self._show()

    def _refill(self) -> None:
        """Put the preset's values into the fields that nobody has changed."""
        texts = starting_texts(self._source, self._start)
        for field in FIELDS:
            shown = self._field(field.id)
            if shown.text == self._filled[field.dotted]:
                shown.fill(texts[field.dotted])
        self._filled = texts

    def _offer_name(self) -> None:
        field = self._field("name")
        if field.text == self._offered_name:
            self._offered_name = free_name(self.workshop.runs_root, self._source or "folder")
            field.fill(self._offered_name)

    def _data_changed(self) -> None:
        is_folder = self._field("source").text == FOLDER
        self._field("folder").display = is_folder
        for field in FIELDS:
            if field.folder_only:
                self._field(field.id).display = is_folder
        self._summary = None
        self._look.forget()
        self._show()
        if self._asking is not None:
            self._asking.stop()
        # A short wait, as a path is typed letter by letter.
        self._asking = self.set_timer(DEBOUNCE_SECONDS, self._ask)

    def _ask(self) -> None:
        if self._draft.config is not None:
            self._look.ask(self._draft.config.data)

    def _take_summary(self) -> None:
        if (found := self._look.take()) is not None:
            self._summary = found
            self._show()

    def _show(self) -> None:
        self._draft = draft(self._source, self._start, self._texts())
        problems = dict(self._draft.problems)
        if name_problem := self._name_problem():
            problems["name"] = name_problem
        if isinstance(self._summary, DataError) and self._source not in DATASETS:
            problems.setdefault("data.source", str(self._summary))
        for dotted, id in self._places_of_problems().items():
            self._field(id).show_problem(problems.get(dotted, ""))
        self._show_forecast(problems)

    def _places_of_problems(self) -> dict[str, str]:
        places = {field.dotted: field.id for field in FIELDS}
        folder = self._field("source").text == FOLDER
        return {**places, "name": "name", "data.source": "folder" if folder else "source"}

    def _name_problem(self) -> str:
        name = self._field("name").text.strip()
        try:
            check_name(name)
        except DDPMError as error:
            return str(error)
        taken = (self.workshop.runs_root / name).exists()
        return "there is a run of that name already" if taken else ""

    def _show_forecast(self, problems: dict[str, str]) -> None:
        panel = self.query_one("#forecast", Static)
        config = self._draft.config
        if config is None:
            # A problem of a section as a whole has no field of its own to stand at.
            places = self._places_of_problems()
            homeless = [text for dotted, text in problems.items() if dotted not in places]
            panel.update("\n".join(homeless) or "Mend the marked fields to see what will happen.")
            return
        panel.update(forecast(config, self._summary, self._command(config)))

    def _command(self, config: Config) -> str:
        options = []
        if self.workshop.home != home_directory():
            options += ["--home", str(self.workshop.home)]
        if self.workshop.data_root != data_root(self.workshop.home):
            options += ["--data-root", str(self.workshop.data_root)]
        if isinstance(self._summary, MissingDataError):
            options += ["--download"]
        chosen = self._field("preset").text
        preset = chosen if chosen in PRESETS else preset_for(config.data.source)
        return command(config, preset, self._field("name").text.strip(), options)

    # Start

    def on_button_pressed(self) -> None:
        self.action_start()

    def on_input_submitted(self) -> None:
        self.focus_next()

    def action_schedule(self) -> None:
        self._show()
        if self._draft.config is None:
            self._go_to_problem()
            return
        self.post_message(messages.OpenSchedule(self._draft.config))

    def action_start(self) -> None:
        self._show()
        name_problem = self._name_problem()
        if self._draft.config is None or name_problem:
            self._go_to_problem()
            return
        runner = self.workshop.runner
        if runner.is_alive and runner.run is not None:
            self.notify(
                f"{runner.run.name} is training; stop it before starting another.",
                severity="warning",
                markup=False,
            )
            return
        try:
            run = create_run(self.workshop.runs_root, self._field("name").text.strip(), self._draft.config)
        except DDPMError as error:
            self.complain(error)
            return
        self.post_message(messages.StartTraining(run))

    def _go_to_problem(self) -> None:
        for field in self.query(Field):
            if field.problem:
                field.control.focus()
                break
        self.notify("Some fields need mending first.", severity="warning")


def _field_id(control: Widget) -> str:
    field = next(parent for parent in control.ancestors if isinstance(parent, Field))
    return field.id or ""
