"""What of a recipe a checkpoint depends on, stored with it, so that an edited recipe is noticed."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddpm.config import Config
from ddpm.errors import CheckpointError
from ddpm.parameter_count import parameter_count

if TYPE_CHECKING:
    from torch import Tensor

_SECTIONS = ("model", "diffusion")


def recipe_to_store(config: Config) -> dict[str, Any]:
    """The sections that decide what weights mean, as JSON: model and diffusion."""
    return {section: getattr(config, section).model_dump(mode="json") for section in _SECTIONS}


def refuse_other_size(weights: dict[str, "Tensor"], config: Config) -> None:
    """Compare weights with the network of a recipe before that is built, which may take any amount of memory.

    Raises ValueError that says how many numbers there are and should be.
    """
    there, wanted = sum(weight.numel() for weight in weights.values()), parameter_count(config)
    if there != wanted:
        raise ValueError(f"they are {there:,} numbers, and the network of the recipe has {wanted:,}")


def refuse_other_recipe(state: dict[str, Any], config: Config, path: Path) -> None:
    """Compare a recipe with the one in the state of the checkpoint at ``path``.

    Raises CheckpointError that names the first field that differs. A checkpoint that stores none passes, and so
    does a field that it does not know, as long as that has its default.
    """
    stored = state.get("recipe", {})
    if stored and not (
        isinstance(stored, dict) and all(isinstance(stored.get(name), dict) for name in _SECTIONS)
    ):
        raise CheckpointError(f"The checkpoint {path} stores a recipe that is none. Choose another one.")
    given = recipe_to_store(config)
    usual = recipe_to_store(Config())
    for section in _SECTIONS if stored else ():
        for name, value in given[section].items():
            trained = stored[section].get(name, usual[section][name])
            if trained != value:
                raise CheckpointError(
                    f"The checkpoint {path} was trained with {section}.{name} = {trained}, and the run's config.toml "
                    f"says {value}. Undo the change in config.toml, or start a new run."
                )
