"""A network from elsewhere as a run of its own, that can be drawn from and trained on."""

from pathlib import Path

from ddpm import checkpoint as checkpoints
from ddpm.config import Config
from ddpm.datasets import NO_DATA, resolve, summarize
from ddpm.errors import MissingDataError, RunError
from ddpm.exchange.diffusers_folder import Pipeline
from ddpm.presets import config_for
from ddpm.recipe_check import recipe_to_store
from ddpm.runs import Run, Status
from ddpm.runs_root import create_run


def imported_recipe(pipeline: Pipeline, data: str | None, data_root: Path) -> Config:
    """The recipe of a pipeline: its network and diffusion, and how the data set ``data`` is usually trained on.

    Raises DataError where there is no such data set, ConfigError where a value is out of range.
    """
    config = config_for(data or NO_DATA, overrides=pipeline.values)
    if data is None:
        return config
    try:
        return config.model_copy(update={"data": resolve(config.data, summarize(config.data, data_root))})
    except MissingDataError:
        return config  # what is known by name can be fetched when training starts


def import_run(root: Path, name: str, config: Config, pipeline: Pipeline, origin: Path) -> Run:
    """Make a run whose checkpoint of step 0 holds the weights, both as they are and as their average.

    Raises RunError where the name is taken or the place cannot be written.
    """
    run = create_run(root, name, config)
    words = f"imported from {origin}"
    try:
        checkpoints.save(
            run.checkpoints_path,
            0,
            # AdamW begins anew: a pipeline does not hold its state.
            {"model": pipeline.weights, "ema": pipeline.weights, "optimizer": {}},
            {
                "dataset_size": None,
                "images_seen": 0,
                "seconds": 0.0,
                "since_metrics": {},
                "lengths": {},
                "recipe": recipe_to_store(config),
            },
        )
        run.record("imported", 0, words)
        run.write_status(Status(state="stopped", steps=config.train.steps, message=words))
    except OSError as error:
        run.delete()
        raise RunError(f"Cannot write the run {run.path}: {error.strerror}.") from None
    return run
