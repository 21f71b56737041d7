"""Every field of a recipe, section by section: the usual ones in sight, the others folded below them."""

from collections.abc import Iterator, Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Input, Select, Static

from studio.recipe_fields import FIELDS, SECTION_NAMES, UNSET, FormField
from studio.widgets.fields import Field, KeyedInput, field_of, picker
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
        & Field .field-label { width: 24; }
        & Button.fold {
            width: 1fr; min-width: 0; height: 1; text-align: left; text-wrap: nowrap; text-overflow: ellipsis;
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

    def compose(self) -> ComposeResult:
        for name, title in SECTION_NAMES.items():
            fields = [field for field in FIELDS if field.section == name]
            yield RecipeSection(name, title, fields, self._texts)

    @property
    def texts(self) -> dict[str, str]:
        """What each field says, by dotted name: asked of the widgets, as their messages may be under way yet."""
        self._texts |= {_dotted(field): field.text for field in self.query(Field)}
        return dict(self._texts)

    def fill(self, texts: Mapping[str, str], usual: Mapping[str, str]) -> None:
        """Put texts into the fields without telling anyone; what is not as in ``usual`` is marked."""
        self._texts, self._told, self._usual = dict(texts), dict(texts), dict(usual)
        for field in self.query(Field):
            text = self._texts[_dotted(field)]
            if field.text != text:
                field.fill(text)
        self._mark()

    def show_problems(self, problems: Mapping[str, str]) -> None:
        """Say at each field, or at its section, what is wrong with it."""
        self._problems = dict(problems)
        self._mark()

    def _mark(self) -> None:
        changed = {name for name, text in self._texts.items() if text != self._usual[name]}
        for section in self.query(RecipeSection):
            section.mark(changed, self._problems)

    async def go_to_problem(self) -> bool:
        """Put the cursor into the first field that is wrong; False where none is."""
        for section in self.query(RecipeSection):
            if wrong := section.first_wrong(self._problems):
                if not wrong.is_common:
                    await section.unfold(True, self._texts)
                    self._mark()
                self.query_one(f"#{wrong.id}", Field).control.focus()
                return True
        return False

    async def unfold(self, shown: bool) -> None:
        """Show or hide all that is folded."""
        for section in self.query(RecipeSection):
            await section.unfold(shown, self._texts)
        self._mark()

    @property
    def is_unfolded(self) -> bool:
        """Whether all fields are in sight."""
        return all(section.is_unfolded for section in self.query(RecipeSection))

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        section = next(parent for parent in event.button.ancestors if isinstance(parent, RecipeSection))
        await section.unfold(not section.is_unfolded, self._texts)
        self._mark()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._take(event.input)

    def on_select_changed(self, event: Select.Changed) -> None:
        event.stop()
        self._take(event.select)

    def _take(self, control: Widget) -> None:
        field = field_of(control)
        dotted = _dotted(field)
        # A picker tells what it begins with, too.
        if field.text != self._told[dotted]:
            self._told[dotted] = field.text
            self.post_message(self.Changed(dotted))


class RecipeSection(Vertical):
    """One section of a recipe."""

    def __init__(self, name: str, title: str, fields: Sequence[FormField], texts: Mapping[str, str]) -> None:
        super().__init__()
        self._section, self._title, self._texts = name, title, texts
        self._common = [field for field in fields if field.is_common]
        self._rest = [field for field in fields if not field.is_common]

    def compose(self) -> ComposeResult:
        yield Static(self._title, classes="section-heading")
        yield Words("", classes="section-problem", markup=False)
        yield from _widgets(self._common, self._texts)
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
            await rest.mount(*_widgets(self._rest, texts))
        rest.display = shown

    def mark(self, changed: set[str], problems: Mapping[str, str]) -> None:
        """Show what is wrong and what is not as usual."""
        own = self.query_one(".section-problem", Words)
        own.update(f"↑ {problems[self._section]}" if self._section in problems else "")
        own.display = self._section in problems
        for field in self.query(Field):
            field.show_problem(problems.get(_dotted(field), ""))
            field.show_changed(_dotted(field) in changed)
        self._label_fold(changed, problems)

    def _label_fold(self, changed: set[str], problems: Mapping[str, str]) -> None:
        names = [field.dotted for field in self._rest]
        n_wrong = len(problems.keys() & set(names))
        n_changed = len(changed & set(names))
        if self.is_unfolded:
            words = "▾ fewer"
        else:
            named = ", ".join(field.label for field in self._rest)
            notes = f"{n_changed} changed • " if n_changed else ""
            words = f"▸ {len(names)} more: {notes}{named}"
        if n_wrong and not self.is_unfolded:
            words = f"▸ {len(names)} more: ↑ {n_wrong} to be mended"
        fold = self.query_one(".fold", Button)
        fold.set_class(bool(n_wrong) and not self.is_unfolded, "-wrong")
        fold.label = Content(words)

    def first_wrong(self, problems: Mapping[str, str]) -> FormField | None:
        """Its first field that is wrong, or its first where it is wrong as a whole."""
        fields = [*self._common, *self._rest]
        wrong = [field for field in fields if field.dotted in problems]
        return next(iter(wrong or (fields if self._section in problems else [])), None)


def _widgets(fields: Sequence[FormField], texts: Mapping[str, str]) -> Iterator[Field]:
    for field in fields:
        text = texts[field.dotted]
        control: KeyedInput | Select[str]
        if field.choices:
            control = picker(field.choices, text, words={UNSET: "unset"})
        else:
            empty = "unset" if field.is_optional else "none" if field.is_list else ""
            control = KeyedInput(text, allowed=field.keys, placeholder=empty)
        yield Field(field.label, control, id=field.id, help=field.words)


def _dotted(field: Field) -> str:
    return (field.id or "").replace("-", ".", 1)
