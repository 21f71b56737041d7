"""Changes to a recipe while it trains. They are part of the recipe, so that whoever resumes makes them again.

A change holds from a training step on: with ``step`` 20 it is made when 20 steps are done. A run that resumes from
an earlier checkpoint meets it again at the same step, and so is the run that was never stopped.
"""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from ddpm.config_values import LearningRate, Microbatch, OneLine, PreviewEvery, Section

if TYPE_CHECKING:
    from ddpm.config import Config

# A recipe is read whole and must stay a small file, whatever a script sends to its run.
MOST_CHANGES = 1000
# The reason of a change that was made by going back to a checkpoint.
ROLLED_BACK = "non-finite"
# What each change replaces: the section and the field of the recipe.
PLACES = {
    "lr": ("train", "lr"),
    "microbatch": ("train", "microbatch"),
    "preview_every": ("previews", "every"),
}


class Change(Section):
    """New values from one training step on; what is unset stays as it was."""

    step: int = Field(ge=0, le=10**9, description="steps that are done when the change is made")
    lr: LearningRate | None = Field(None, description="takes the place of train.lr")
    microbatch: Microbatch | None = Field(None, description="takes the place of train.microbatch")
    preview_every: PreviewEvery | None = Field(None, description="takes the place of previews.every")
    reason: OneLine = Field("asked", max_length=60, description="why: asked, non-finite, memory ...")

    @property
    def values(self) -> dict[str, float | int]:
        """What it changes, by the names of its own fields."""
        return {name: value for name in PLACES if (value := getattr(self, name)) is not None}

    @model_validator(mode="after")
    def _changes_something(self) -> "Change":
        if not self.values:
            raise ValueError(f"it changes nothing; set one of {', '.join(PLACES)}")
        return self


def in_order(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """The same changes. Raises ValueError unless their steps never fall."""
    for before, after in pairwise(changes):
        if after.step < before.step:
            raise ValueError(
                f"a change at step {after.step} comes after one at step {before.step}; sort them by step"
            )
    return changes


def recipe_at(config: "Config", step: int) -> "Config":
    """The recipe that is in force at training step ``step`` (0 for the first)."""
    made = [change for change in config.changes if change.step <= step]
    if not made:
        return config
    values: dict[str, dict[str, Any]] = {}
    for change in made:
        for name, value in change.values.items():
            section, field = PLACES[name]
            values.setdefault(section, {})[field] = value
    updated = {name: getattr(config, name).model_copy(update=fields) for name, fields in values.items()}
    return config.model_copy(update=updated)


class RecipesInForce:
    """``recipe_at`` of one recipe, for whoever asks at every step: worked out anew only where a change is made."""

    def __init__(self, config: "Config") -> None:
        self.config = config
        self._steps = [change.step for change in config.changes]
        self._made, self._recipe = 0, config

    def at(self, step: int) -> "Config":
        """The recipe that is in force at training step ``step``."""
        made = bisect_right(self._steps, step)
        if made != self._made:
            self._made, self._recipe = made, recipe_at(self.config, step)
        return self._recipe


def with_change(config: "Config", change: Change) -> "Config":
    """The recipe with one more change. What later changes say of the same values is forgotten: the run goes another
    way now. Only that it went back before is still counted. Raises ConfigError where there are too many."""
    earlier = [other for other in config.changes if other.step <= change.step]
    later = [other for other in config.changes if other.step > change.step]
    kept = _without(later, change.values)
    went_back = [
        other.model_copy(update={"step": change.step})
        for other in later
        if other.reason == ROLLED_BACK and "lr" in change.values
    ]
    changes = (*earlier, *went_back, change, *kept)
    return config.with_values({"changes": [each.model_dump() for each in changes]}, "the changes of the run")


def replaced(changes: tuple[Change, ...], values: Mapping[str, Any]) -> tuple[Change, ...]:
    """The changes that are left where ``values``, by section and field, take the place of what they changed."""
    names = [name for name, (section, field) in PLACES.items() if field in values.get(section, {})]
    return tuple(_without(changes, names))


def rollbacks(config: "Config") -> int:
    """How often the run went back to a checkpoint because its numbers were none."""
    return sum(change.reason == ROLLED_BACK for change in config.changes)


def words_for(change: Change, config: "Config") -> str:
    """A change for people, before it is made to ``config``: ``lr 0.001 -> 0.0005``."""
    before = recipe_at(config, change.step)
    parts = []
    for name, value in change.values.items():
        section, field = PLACES[name]
        old = getattr(getattr(before, section), field)
        parts.append(f"{name.replace('_', ' ')} {_shown(old)} -> {_shown(value)}")
    why = "" if change.reason == "asked" else f" ({change.reason})"
    return ", ".join(parts) + why


def _without(changes: "tuple[Change, ...] | list[Change]", names: Any) -> list[Change]:
    kept = [change.model_copy(update=dict.fromkeys(names)) for change in changes]
    return [change for change in kept if change.values]


def _shown(value: float | None) -> str:
    return "all" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
