"""What a recipe will do on this machine, as words: data, network, length and the command for it."""

import math

from textual.content import Content

from ddpm.config import Config, DataConfig
from ddpm.datasets import DATASETS, DataSummary, NamedSet, resolve
from ddpm.errors import DataError, MissingDataError
from ddpm.memory_estimate import fixed_memory
from ddpm.parameter_count import parameter_count
from studio import figures
from studio.data_look import Found, TooLarge

_COLOURS = {1: "grey", 3: "RGB", 4: "RGBA"}


def forecast(config: Config, summary: Found | None, command: str) -> Content:
    """Words for the panel beside the form."""
    if isinstance(summary, DataSummary):
        data = resolve(config.data, summary)
    else:
        data = config.data.model_copy(update={"channels": config.data.channels or 1, "image_size": (1, 1)})
    config_with_shape = config.model_copy(update={"data": data})
    parameters = parameter_count(config_with_shape)
    memory = figures.size(fixed_memory(config_with_shape).total)
    return Content.assemble(
        _data(config.data, summary),
        _heading("\nNetwork"),
        f"{parameters:,} parameters\n{memory} with averages and optimizer\n",
        _heading("\nTraining"),
        _length(config, _size_of(config.data, summary)),
        _heading("\nThe same from a shell"),
        (command, "$primary"),
    )


def _heading(words: str) -> tuple[str, str]:
    return (f"{words}\n", "bold $accent")


def _data(data: DataConfig, summary: Found | None) -> Content:
    heading = _heading("Data")
    if summary is None:
        return Content.assemble(heading, ("looking …\n", "$muted"))
    if isinstance(summary, TooLarge):
        return Content.assemble(heading, (f"{summary.words}\n", "$muted"))
    if isinstance(summary, MissingDataError):
        words = "not on this machine yet: downloaded when training starts\n"
        named = DATASETS.get(data.source)
        return Content.assemble(heading, _named(named) if named else "", (words, "$warning"))
    if isinstance(summary, DataError):
        return Content.assemble(heading, (f"{summary}\n", "$text-error"))
    lines = _shape(summary.n, summary.image_size, summary.channels)
    if summary.class_names:
        lines += f"{len(summary.class_names)} classes\n"
    if summary.skipped:
        lines += f"{len(summary.skipped)} files are left out\n"
    return Content.assemble(heading, lines)


def _named(named: NamedSet) -> str:
    return _shape(named.n, named.image_size, named.channels) + f"{named.origin}\n"


def _shape(n: int, image_size: tuple[int, int], channels: int) -> str:
    height, width = image_size
    return f"{n:,} images, {height}×{width} {_COLOURS[channels]}\n"


def _size_of(data: DataConfig, summary: Found | None) -> int | None:
    if isinstance(summary, DataSummary):
        return summary.n
    named = DATASETS.get(data.source)
    return named.n if named else None


def _length(config: Config, n: int | None) -> str:
    train = config.train
    lines = f"{train.steps:,} steps of {train.batch_size:,} images\n"
    if n:
        per_epoch = math.ceil(n / train.batch_size)
        epochs = train.steps * train.batch_size / n
        lines += f"{per_epoch:,} steps an epoch, {epochs:,.1f} epochs\n"
    previews = config.previews
    if previews.every:
        lines += f"{previews.n} samples every {previews.every:,} steps\n"
    return lines + f"a checkpoint every {train.checkpoint_every:,}, {train.keep_checkpoints} kept\n"
