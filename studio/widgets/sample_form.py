"""The form of a drawing: which checkpoint, which sampler, of what class; only what the network can be asked."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import get_args

from pydantic import ValidationError
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input

from ddpm.averaging import MADE, POWER
from ddpm.config import Config, field_problems
from ddpm.edit_recipe import InterpolateConfig
from ddpm.errors import ConfigError
from ddpm.sample_config import SampleConfig
from ddpm.sample_recipe import NO_CLASS, USUAL_ETA, USUAL_THRESHOLD_QUANTILE, misfits
from studio.drawing import Order
from studio.edits import EDITS
from studio.picture_words import DATA, MASKS
from studio.widgets.fields import Field, KeyedInput
from studio.widgets.picker import Picker

DIGITS = "0123456789"
NUMBER = f"{DIGITS}."
# What can be made, and the name of the edit that it is.
MAKINGS = {"images": "", "interpolation": "interpolate", "variations": "image", "inpainting": "inpaint"}
PICTURES = {"a": "From picture", "b": "To picture", "picture": "Picture", "mask": "Paint where"}
HELP = {
    "making": "images of noise, or images made of others",
    "checkpoint": "the step of training to draw from",
    "class": SampleConfig.model_fields["label"].description or "",
    **{
        id: f"{words}: a path, also below this run's samples, or {DATA}0 for an image of its data set"
        for edit in EDITS.values()
        for id, words in edit.pictures.items()
    },
    "mask": f"where to paint: {', '.join(MASKS)}, or a picture of the same size, white where to paint",
}
EACH_IN_TURN, SEVERAL = "each in turn", "several …"
# An average of any length, made of those that the run has stored; its length is asked for beside.
POST_HOC = "post-hoc …"
USUAL_LENGTH, LENGTH_WORDS = "0.08", "a share of the run, between 0 and 0.288"
FIELDS = (
    "weights",
    "sampler",
    "steps",
    "spacing",
    "strength",
    "encode",
    "iterations",
    "jump_length",
    "resample",
    "eta",
    "variance",
    "label",
    "guidance_scale",
    "clip",
    "threshold_quantile",
    "n",
    "seed",
    "batch_size",
)


class SampleForm(VerticalScroll):
    """Fields for a drawing's recipe; those that have no meaning for it, the network or the sampler are hidden."""

    def __init__(
        self,
        config: Config | None,
        checkpoints: Sequence[str],
        checkpoint: str,
        weights: Sequence[str],
        id: str,
    ) -> None:
        """``config`` is the run's recipe, None where it cannot be read; ``weights`` are those to choose from."""
        super().__init__(id=id)
        self._config = config
        self._checkpoints, self._checkpoint, self._weights = checkpoints, checkpoint, weights
        self._making = ""

    def compose(self) -> ComposeResult:
        config = self._config
        usual = SampleConfig(steps=min(50, config.diffusion.T) if config else 50)
        learned = config is not None and config.diffusion.variance == "learned"
        variances = ("learned", "posterior", "beta") if learned else ("posterior", "beta")
        yield Field("Make", Picker(MAKINGS, "images"), id="making")
        for id, label in PICTURES.items():
            yield Field(label, _picture_input(id), id=id)
        yield Field("Checkpoint", Picker(self._checkpoints, self._checkpoint), id="checkpoint")
        yield Field("Weights", Picker(self._weights or [usual.weights], usual.weights), id="weights")
        yield Field("Length", KeyedInput("", allowed=NUMBER, placeholder=USUAL_LENGTH), id="average_length")
        yield Field("Sampler", Picker(_choices("sampler"), usual.sampler), id="sampler")
        yield Field("Steps", KeyedInput(str(usual.steps), allowed=DIGITS), id="steps")
        yield Field("Spacing", Picker(_choices("spacing"), usual.spacing), id="spacing")
        yield Field("Strength", KeyedInput("", allowed=NUMBER), id="strength")
        yield Field("Into noise by", Picker(_choices("encode", InterpolateConfig), "inversion"), id="encode")
        yield Field("Calls a step back", KeyedInput("", allowed=DIGITS), id="iterations")
        yield Field("Jump back by", KeyedInput("", allowed=DIGITS), id="jump_length")
        yield Field("Go through", KeyedInput("", allowed=DIGITS), id="resample")
        yield Field("Eta", KeyedInput("", allowed=NUMBER, placeholder="the sampler's own"), id="eta")
        yield Field("Variance (DDPM)", Picker(variances, variances[0]), id="variance")
        yield Field("Class", Picker(self._class_choices(), self._class_choices()[0]), id="class")
        yield Field("Classes", KeyedInput("", placeholder="cat, dog"), id="label")
        yield Field("Guidance", KeyedInput(f"{usual.guidance_scale:g}", allowed=NUMBER), id="guidance_scale")
        yield Field("Clip", Picker(_choices("clip"), usual.clip), id="clip")
        yield Field(
            "Quantile",
            KeyedInput("", allowed=NUMBER, placeholder=f"{USUAL_THRESHOLD_QUANTILE:g}"),
            id="threshold_quantile",
        )
        yield Field("Images", KeyedInput(str(usual.n), allowed=DIGITS), id="n")
        yield Field("Seed", KeyedInput(str(usual.seed), allowed=DIGITS), id="seed")
        yield Field("At once", KeyedInput(str(usual.batch_size), allowed=DIGITS), id="batch_size")
        yield Button("Draw  (ctrl+s)", id="draw", variant="primary", compact=True)

    def on_mount(self) -> None:
        self._hide_what_has_no_meaning()

    def on_picker_changed(self, event: Picker.Changed) -> None:
        self._change_making()
        self._hide_what_has_no_meaning()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.order()

    def offer_weights(self, weights: Sequence[str]) -> None:
        """Those that can be chosen; what is chosen stays so if it is among them."""
        self._weights = weights
        self.field("weights").offer(weights)
        self._hide_what_has_no_meaning()

    def field(self, id: str) -> Field:
        """One of the fields."""
        return self.query_one(f"#{id}", Field)

    # What the form says

    @property
    def _edit(self) -> str:
        return MAKINGS[self.field("making").text]

    @property
    def _is_post_hoc(self) -> bool:
        return self.field("weights").text == POST_HOC

    @property
    def _model(self) -> type[SampleConfig]:
        return EDITS[self._edit].recipe if self._edit else SampleConfig

    def help(self) -> str:
        """What the field that has the focus means."""
        if self.field("weights").has_focus_within or self.field("average_length").has_focus_within:
            return self._help_of_averages()
        for id in FIELDS:
            if self.field(id).has_focus_within:
                return self._model.model_fields[id].description or ""
        return HELP.get(next((id for id in HELP if self.field(id).has_focus_within), ""), "")

    def _help_of_averages(self) -> str:
        stored = [name.removeprefix(POWER) for name in self._weights if name.startswith(POWER)]
        if not stored:
            return (
                "averaged weights, or raw ones of the last step; post-hoc averages of any length need a run that is "
                "trained with train.ema_lengths"
            )
        return (
            f"post-hoc: an average of any length, a share of the run up to 0.288, made of those that are stored "
            f"({', '.join(stored)}); one too far from them is refused"
        )

    def order(self) -> Order | None:
        """What the form says; None with the errors shown at the fields."""
        values = {id: text for id in FIELDS if self._is_asked(id) and (text := self._text(id))}
        problems = self._problems(values)
        pictures = tuple(self.field(id).text.strip() for id in PICTURES if self.field(id).display)
        missing = [id for id in PICTURES if self.field(id).display and not self.field(id).text.strip()]
        problems |= {
            id: f"name a file, or {DATA}0 for an image of the data set" for id in missing if id != "mask"
        }
        problems |= {"mask": f"name a file, or {', '.join(MASKS)}"} if "mask" in missing else {}
        if self._is_post_hoc and "weights" in problems:
            problems["average_length"] = LENGTH_WORDS
            problems["weights"] = ""
        for id in (*FIELDS, *PICTURES, "average_length"):
            self.field(id).show_problem(problems.get(id, ""))
        return None if problems else Order(self._model.model_validate(values), self._edit, pictures)

    def _is_asked(self, id: str) -> bool:
        return id in self._model.model_fields and self.field("class" if id == "label" else id).display

    def _text(self, id: str) -> str:
        """The value of a field; that of ``label`` is picked by name, or typed where there are several."""
        if id == "label" and self.field("class").text != SEVERAL:
            chosen = self.field("class").text
            return "" if chosen == EACH_IN_TURN else chosen
        if id == "weights" and self._is_post_hoc:
            return f"{MADE}{self.field('average_length').text.strip()}"
        return self.field(id).text.strip()

    def _problems(self, values: Mapping[str, str]) -> dict[str, str]:
        """What is wrong by itself, and what of the rest the network cannot do."""
        problems: dict[str, str] = {}
        try:
            sample = self._model.model_validate(values)
        except ValidationError as error:
            problems = field_problems(error)
            sample = self._model.model_validate({id: values[id] for id in values if id not in problems})
        try:
            return problems | (misfits(sample, self._config) if self._config else {})
        except ConfigError as error:
            return problems | {"sampler": str(error)}

    # What it asks

    def fill(self, order: Order, checkpoint: str) -> None:
        """Put in what was drawn before, to draw it again; a checkpoint or weights that are gone are left."""
        self.field("making").fill(next(name for name, edit in MAKINGS.items() if edit == order.edit))
        self._change_making()
        for id in FIELDS:
            value = getattr(order.recipe, id, None)
            if id != "label" and id in self._model.model_fields and (value is not None or id != "variance"):
                self._put(
                    id, "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
                )
        self._put("checkpoint", checkpoint)
        if order.recipe.weights.startswith(MADE):
            self._put("weights", POST_HOC)
            self._put("average_length", order.recipe.weights.removeprefix(MADE))
        names = order.recipe.label
        one = not names or (len(names) == 1 and names[0] in self._class_choices())
        self._put("class", (names or self._class_choices())[0] if one else SEVERAL)
        self._put("label", "" if one else ", ".join(names))
        for id, name in zip(EDITS[order.edit].pictures if order.edit else (), order.pictures, strict=False):
            self._put(id, name)
        self._hide_what_has_no_meaning()
        self.order()

    def _put(self, id: str, text: str) -> None:
        with suppress(ValueError):
            self.field(id).fill(text)

    def _class_choices(self) -> list[str]:
        """What can be picked as class: images made of others are told none, unless one is named."""
        if self._config is None or not self._config.num_classes:
            return [EACH_IN_TURN]
        without = [NO_CLASS] if self._config.train.label_dropout > 0 else []
        in_turn = [] if self._making else [EACH_IN_TURN]
        several = [] if self._making == "interpolate" else [SEVERAL]
        return [*in_turn, *without, *self._config.data.class_names, *several]

    def _change_making(self) -> None:
        """Another kind of drawing has other usual values; those that a person has changed stay."""
        before, self._making = self._making, self._edit
        if before == self._making:
            return
        usual_before = (EDITS[before].recipe if before else SampleConfig).model_fields
        usual = self._model.model_fields
        for id in ("n", "sampler"):
            if self.field(id).text == str(usual_before[id].default):
                self.field(id).fill(str(usual[id].default))
        for id in ("strength", "iterations", "jump_length", "resample"):
            if id in usual:
                self.field(id).control.placeholder = f"{usual[id].default:g}"  # type: ignore[union-attr]
        self.field("class").offer(self._class_choices())

    def _hide_what_has_no_meaning(self) -> None:
        sampler, fields = self.field("sampler").text, self._model.model_fields
        is_told_classes = self._config is not None and self._config.model.class_conditional
        for id in FIELDS:
            self.field(id).display = id in fields
        for id in PICTURES:
            self.field(id).display = bool(self._edit) and id in EDITS[self._edit].pictures
        self.field("iterations").display = "iterations" in fields and self.field("encode").text == "inversion"
        self.field("average_length").display = self._is_post_hoc
        self.field("eta").display = sampler in USUAL_ETA
        self.field("variance").display = sampler == "ddpm"
        self.field("class").display = self.field("guidance_scale").display = is_told_classes
        self.field("label").display = is_told_classes and self.field("class").text == SEVERAL
        self.field("threshold_quantile").display = self.field("clip").text == "dynamic"


def choices_of(weights: Sequence[str]) -> tuple[str, ...]:
    """What can be chosen of a checkpoint that stores these weights."""
    return (*weights, *((POST_HOC,) if any(name.startswith(POWER) for name in weights) else ()))


def _choices(name: str, model: type[SampleConfig] = SampleConfig) -> tuple[str, ...]:
    return get_args(model.model_fields[name].annotation)


def _picture_input(id: str) -> KeyedInput:
    found = KeyedInput("", placeholder=next(iter(MASKS)) if id == "mask" else f"a path, or {DATA}0")
    found.suggester = SuggestFromList(MASKS) if id == "mask" else None
    return found
