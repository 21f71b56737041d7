"""The form of a drawing: which checkpoint, which sampler, of what class; only what the network can be asked."""

from collections.abc import Sequence
from typing import get_args

from pydantic import ValidationError
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Button, Input, Select

from ddpm.config import Config, field_problems
from ddpm.errors import ConfigError
from ddpm.sample_config import SampleConfig
from ddpm.sample_recipe import USUAL_ETA, USUAL_THRESHOLD_QUANTILE, misfits
from studio.widgets.fields import Field, KeyedInput, picker

DIGITS = "0123456789"
NUMBER = f"{DIGITS}."
FIELDS = (
    "weights",
    "sampler",
    "steps",
    "spacing",
    "eta",
    "variance",
    "label",
    "guidance_scale",
    "clip",
    "threshold_quantile",
    "n",
    "seed",
)


class SampleForm(VerticalScroll):
    """Fields for a SampleConfig; those that have no meaning for the network or the sampler are hidden."""

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

    def compose(self) -> ComposeResult:
        config = self._config
        usual = SampleConfig(steps=min(50, config.diffusion.T) if config else 50)
        learned = config is not None and config.diffusion.variance == "learned"
        variances = ("learned", "posterior", "beta") if learned else ("posterior", "beta")
        yield Field("Checkpoint", picker(self._checkpoints, self._checkpoint), id="checkpoint")
        yield Field("Weights", picker(self._weights or [usual.weights], usual.weights), id="weights")
        yield Field("Sampler", picker(_choices("sampler"), usual.sampler), id="sampler")
        yield Field("Steps", KeyedInput(str(usual.steps), allowed=DIGITS), id="steps")
        yield Field("Spacing", picker(_choices("spacing"), usual.spacing), id="spacing")
        yield Field("Eta", KeyedInput("", allowed=NUMBER, placeholder="the sampler's own"), id="eta")
        yield Field("Variance (DDPM)", picker(variances, variances[0]), id="variance")
        yield Field("Class", KeyedInput("", placeholder="each in turn"), id="label")
        yield Field("Guidance", KeyedInput(f"{usual.guidance_scale:g}", allowed=NUMBER), id="guidance_scale")
        yield Field("Clip", picker(_choices("clip"), usual.clip), id="clip")
        yield Field(
            "Quantile",
            KeyedInput("", allowed=NUMBER, placeholder=f"{USUAL_THRESHOLD_QUANTILE:g}"),
            id="threshold_quantile",
        )
        yield Field("Images", KeyedInput(str(usual.n), allowed=DIGITS), id="n")
        yield Field("Seed", KeyedInput(str(usual.seed), allowed=DIGITS), id="seed")
        yield Button("Draw  (ctrl+s)", id="draw", variant="primary", compact=True)

    def on_mount(self) -> None:
        self._hide_what_has_no_meaning()

    def on_select_changed(self, event: Select.Changed) -> None:
        self._hide_what_has_no_meaning()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.recipe()

    def field(self, id: str) -> Field:
        """One of the fields."""
        return self.query_one(f"#{id}", Field)

    def recipe(self) -> SampleConfig | None:
        """What the form says; None with the errors shown at the fields."""
        values = {
            id: text for id in FIELDS if self.field(id).display and (text := self.field(id).text.strip())
        }
        problems = self._problems(values)
        for id in FIELDS:
            self.field(id).show_problem(problems.get(id, ""))
        return None if problems else SampleConfig.model_validate(values)

    def _problems(self, values: dict[str, str]) -> dict[str, str]:
        """What is wrong by itself, and what of the rest the network cannot do."""
        problems: dict[str, str] = {}
        try:
            sample = SampleConfig.model_validate(values)
        except ValidationError as error:
            problems = field_problems(error)
            sample = SampleConfig.model_validate({id: values[id] for id in values if id not in problems})
        try:
            return problems | (misfits(sample, self._config) if self._config else {})
        except ConfigError as error:
            return problems | {"sampler": str(error)}

    def _hide_what_has_no_meaning(self) -> None:
        sampler = self.field("sampler").text
        is_told_classes = self._config is not None and self._config.model.class_conditional
        self.field("eta").display = sampler in USUAL_ETA
        self.field("variance").display = sampler == "ddpm"
        self.field("label").display = self.field("guidance_scale").display = is_told_classes
        self.field("threshold_quantile").display = self.field("clip").text == "dynamic"


def _choices(name: str) -> tuple[str, ...]:
    return get_args(SampleConfig.model_fields[name].annotation)
