"""Every field of a recipe, section by section: the usual ones in sight, the others folded below them."""

from collections.abc import Iterator, Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from studio.recipe_fields import FIELDS, SECTION_NAMES, UNSET, FormField
from studio.widgets.fields import Field, KeyedInput, field_of
from studio.widgets.picker import Picker
from studio.widgets.words import Words


class RecipeSections(Vertical):
    """Knows what every field says, also of those that nobody has unfolded: only these have no widgets."""

    DEFAULT_CSS = """
    RecipeSections {
        height: auto;
        & RecipeSection { height: auto; margin-top: 1; }
        & .section-heading { color: $accent; text-style: bold; }
        & .section-problem { height: auto; color: $text-error; display: none; }
        & .section-rest { height: auto; display: none; }
        & Field > KeyedInput, & Field > Picker { margin-left: 24; }
        & Button.fold {
            width: 1fr; min-width: 0; height: 1; content-align: left middle; text-align: left;
            text-wrap: nowrap; text-overflow: ellipsis;
            background: $background; color: $muted; text-style: none;
            &:focus { color: $foreground; text-style: bold; background: $primary 25%; }
            &.-wrong { color: $text-error; }
        }
    }
    """

    class Changed(Message):
        """A field says something else."""

        def __init__(self, dotted: str) -> None:
            self.dotted = dotted
            super().__init__()

    def __init__(self, texts: Mapping[str, str], id: str | None = None) -> None:
        super().__init__(id=id)
        self._texts, self._told, self._usual = dict(texts), dict(texts), dict(texts)
        self._problems: dict[str, str] = {}
        self._sections = [
            RecipeSection(name, title, [field for field in FIELDS if field.section == name], texts)
            for name, title in SECTION_NAMES.items()
        ]

    def compose(self) -> ComposeResult:
        yield from self._sections

    def on_mount(self) -> None:
        self._mark()

    @property
    def _fields(self) -> Iterator[tuple[str, Field]]:
        for section in self._sections:
            yield from section.fields.items()

    @property
    def texts(self) -> dict[str, str]:
        """What each field says, by dotted name: asked of the widgets, as their messages may be under way yet."""
        self._texts |= {dotted: field.text for dotted, field in self._fields}
        return dict(self._texts)

    def fill(self, texts: Mapping[str, str], usual: Mapping[str, str]) -> None:
        """Put texts into the fields without telling anyone; what is not as in ``usual`` is marked."""
        self._texts, self._told, self._usual = dict(texts), dict(texts), dict(usual)
        for dotted, field in self._fields:
            if field.text != self._texts[dotted]:
                field.fill(self._texts[dotted])
        self._mark()

    def show_problems(self, problems: Mapping[str, str]) -> None:
        """Say at each field, or at its section, what is wrong with it."""
        self._problems = dict(problems)
        self._mark()

    def _mark(self) -> None:
        changed = {name for name, text in self._texts.items() if text != self._usual[name]}
        for section in self._sections:
            section.mark(changed, self._problems)

    async def go_to_problem(self) -> bool:
        """Put the cursor into the first field that is wrong; False where none is."""
        for section in self._sections:
            if wrong := section.first_wrong(self._problems):
                if not wrong.is_common:
                    await section.unfold(True, self._texts)
                    self._mark()
                section.fields[wrong.dotted].control.focus()
                return True
        return False

    async def unfold(self, shown: bool) -> None:
        """Show or hide all that is folded."""
        for section in self._sections:
            await section.unfold(shown, self._texts)
        self._mark()

    @property
    def is_unfolded(self) -> bool:
        """Whether all fields are in sight."""
        return all(section.is_unfolded for section in self._sections)

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        section = next(parent for parent in event.button.ancestors if isinstance(parent, RecipeSection))
        await section.unfold(not section.is_unfolded, self._texts)
        self._mark()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._take(event.input)

    def on_picker_changed(self, event: Picker.Changed) -> None:
        event.stop()
        self._take(event.picker)

    def _take(self, control: Widget) -> None:
        field = field_of(control)
        dotted = _dotted(field)
        # An input tells what it begins with, too.
        if field.text != self._told[dotted]:
            self._told[dotted] = field.text
            self.post_message(self.Changed(dotted))


class RecipeSection(Vertical):
    """One section of a recipe."""

    def __init__(self, name: str, title: str, fields: Sequence[FormField], texts: Mapping[str, str]) -> None:
        super().__init__()
        self._section, self._title = name, title
        self._common = [field for field in fields if field.is_common]
        self._rest = [field for field in fields if not field.is_common]
        self.fields = _widgets(self._common, texts)

    def compose(self) -> ComposeResult:
        yield Static(self._title, classes="section-heading")
        yield Words("", classes="section-problem", markup=False)
        yield from self.fields.values()
        yield Button("", classes="fold", compact=True)
        yield Vertical(classes="section-rest")

    @property
    def is_unfolded(self) -> bool:
        """Whether its other fields are in sight."""
        return bool(self.query_one(".section-rest").display)

    async def unfold(self, shown: bool, texts: Mapping[str, str]) -> None:
        """Show or hide the other fields; they are made when they are first shown."""
        rest = self.query_one(".section-rest", Vertical)
        if shown and not rest.children:
            made = _widgets(self._rest, texts)
            await rest.mount(*made.values())
            self.fields |= made
        rest.display = shown

    def mark(self, changed: set[str], problems: Mapping[str, str]) -> None:
        """Show what is wrong and what is not as usual."""
        own = self.query_one(".section-problem", Words)
        own.update(f"↑ {problems[self._section]}" if self._section in problems else "")
        own.display = self._section in problems
        for dotted, field in self.fields.items():
            field.show_problem(problems.get(dotted, ""))
            field.show_changed(dotted in changed)
        self._label_fold(changed, problems)

    def _label_fold(self, changed: set[str], problems: Mapping[str, str]) -> None:
        hidden = set() if self.is_unfolded else {field.dotted for field in self._rest}
        n_wrong, n_changed = len(hidden & problems.keys()), len(hidden & changed)
        if not hidden:
            words = "▾ fewer"
        elif n_wrong:
            words = f"▸ {len(hidden)} more: ↑ {n_wrong} to be mended"
        else:
            notes = f"{n_changed} changed • " if n_changed else ""
            words = f"▸ {len(hidden)} more: {notes}{', '.join(field.label for field in self._rest)}"
        fold = self.query_one(".fold", Button)
        fold.set_class(n_wrong > 0, "-wrong")
        if str(fold.label) != words:
            fold.label = Content(words)

    def first_wrong(self, problems: Mapping[str, str]) -> FormField | None:
        """Its first field that is wrong, or its first where it is wrong as a whole."""
        fields = [*self._common, *self._rest]
        wrong = [field for field in fields if field.dotted in problems]
        return next(iter(wrong or (fields if self._section in problems else [])), None)


def _widgets(fields: Sequence[FormField], texts: Mapping[str, str]) -> dict[str, Field]:
    return {field.dotted: _widget(field, texts[field.dotted]) for field in fields}


def _widget(field: FormField, text: str) -> Field:
    control: KeyedInput | Picker
    if field.choices:
        control = Picker(field.choices, text, words={UNSET: field.empty})
    else:
        control = KeyedInput(text, allowed=field.keys, placeholder=field.empty)
    return Field(field.label, control, id=field.id, help=field.words)


def _dotted(field: Field) -> str:
    return (field.id or "").replace("-", ".", 1)
