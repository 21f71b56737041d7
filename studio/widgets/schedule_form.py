"""Two schedules as two columns of fields, with what is wrong with them below."""

from typing import get_args

from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from ddpm.config import DiffusionConfig
from ddpm.config_values import ScheduleName
from studio.schedule_view import FIELDS, SIDES, Side, has_ends, texts_of, usual_ends
from studio.widgets.fields import KeyedInput
from studio.widgets.picker import Picker
from studio.widgets.words import Words

_LABELS = {
    "schedule": "Schedule",
    "T": "Steps T",
    "beta_start": "First β",
    "beta_end": "Last β",
    "zero_terminal_snr": "Zero SNR",
}
_NUMBER = "0123456789.e-"
_ENDS = ("beta_start", "beta_end")
GLYPHS = {"A": "━", "B": "╍"}


class ScheduleForm(Vertical):
    """Fields of schedules A and B; posts Changed as they are edited."""

    DEFAULT_CSS = """
    ScheduleForm {
        height: auto;
        & > Grid { grid-size: 3 6; grid-columns: 9 1fr 1fr; grid-rows: 1; grid-gutter: 0 1; height: 6; }
        & .form-label { color: $muted; }
        & > .form-problem { height: auto; max-height: 3; color: $text-error; display: none; }
    }
    """

    class Changed(Message):
        """The fields of one schedule say something else."""

        def __init__(self, side: Side, texts: dict[str, str]) -> None:
            self.side: Side = side
            self.texts = texts
            super().__init__()

    def __init__(self, first: DiffusionConfig, second: DiffusionConfig, id: str | None = None) -> None:
        super().__init__(id=id)
        self._texts: dict[Side, dict[str, str]] = {"A": texts_of(first), "B": texts_of(second)}

    def compose(self) -> ComposeResult:
        with Grid():
            yield Static("")
            for side in SIDES:
                yield Static(Content.styled(f"{side} {GLYPHS[side]}", f"bold $series-{side.lower()}"))
            for name in FIELDS:
                yield Static(_LABELS[name], classes="form-label")
                for side in SIDES:
                    yield _control(side, name, self._texts[side][name])
        yield Words("", classes="form-problem", markup=False)

    def on_mount(self) -> None:
        for side in SIDES:
            self._open_ends(side)

    def fill(self, side: Side, diffusion: DiffusionConfig) -> None:
        """Show a schedule, without telling anyone."""
        for name, text in texts_of(diffusion).items():
            control = self._control(side, name)
            with control.prevent(Input.Changed, Picker.Changed):
                control.value = text
        self._open_ends(side)

    def show_problem(self, problem: str) -> None:
        """Say what is wrong; nothing takes the words away."""
        words = self.query_one(".form-problem", Words)
        words.update(f"↑ {problem}" if problem else "")
        words.display = bool(problem)

    def enter(self) -> None:
        """Put the cursor into the first field that is likely to be changed."""
        self._control("A", "T").focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._tell(event.input.id)

    def on_picker_changed(self, event: Picker.Changed) -> None:
        event.stop()
        self._tell(event.picker.id)

    def _tell(self, id: str | None) -> None:
        side: Side = "A" if id is not None and id.startswith("A") else "B"
        self._open_ends(side)
        self.post_message(self.Changed(side, self._read(side)))

    def _read(self, side: Side) -> dict[str, str]:
        values = {name: self._control(side, name).value for name in FIELDS}
        return {name: value for name, value in values.items() if isinstance(value, str)}

    def _open_ends(self, side: Side) -> None:
        """Betas can be given for some schedules only; where they are not, the schedule's own are shown."""
        schedule = self._control(side, "schedule").value
        name = schedule if isinstance(schedule, str) else ""
        for field, usual in zip(_ENDS, usual_ends(name), strict=True):
            control = self._control(side, field)
            assert isinstance(control, KeyedInput)
            control.disabled = not has_ends(name)
            control.placeholder = usual or "–"

    def _control(self, side: Side, name: str) -> KeyedInput | Picker:
        control = self.query_one(f"#{side}-{name}")
        assert isinstance(control, KeyedInput | Picker)
        return control


def _control(side: Side, name: str, text: str) -> KeyedInput | Picker:
    id = f"{side}-{name}"
    if name == "schedule":
        return Picker(get_args(ScheduleName), text, id=id)
    if name == "zero_terminal_snr":
        return Picker(("no", "yes"), text, id=id)
    return KeyedInput(text, allowed="0123456789" if name == "T" else _NUMBER, id=id)
