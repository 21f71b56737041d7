"""What a recipe will do on this machine, as words: data, network, length and the command for it."""

import math

from textual.content import Content

from ddpm.config import Config, DataConfig
from ddpm.datasets import DATASETS, NamedSet, resolve
from ddpm.errors import ConfigError, DataError, MissingDataError
from ddpm.memory_estimate import fixed_memory
from ddpm.parameter_count import parameter_count
from studio import figures
from studio.class_counts import class_bars, class_words
from studio.data_look import Found, Glimpse, TooLarge

_COLOURS = {1: "grey", 3: "RGB", 4: "RGBA"}


def forecast(config: Config, found: Found | None, command: str, width: int, rows: int) -> Content:
    """Words for the panel beside the form, ``width`` characters wide and with ``rows`` to spare for the classes."""
    with_shape = config.model_copy(update={"data": known_data(config.data, found)})
    return Content.assemble(
        _data(config.data, found),
        _heading("\nNetwork"),
        _network(with_shape),
        _heading("\nTraining"),
        _length(config, _size_of(config.data, found)),
        _heading("\nThe same from a shell"),
        (f"{command}\n", "$primary"),
        _classes(found, width, rows),
    )


def known_data(data: DataConfig, found: Found | None) -> DataConfig:
    """The data section with what is known of the data set, on this disk or by its name; else as it is."""
    if isinstance(found, Glimpse):
        return resolve(data, found.summary)
    if named := DATASETS.get(data.source):
        size, channels = data.image_size or named.image_size, data.channels or named.channels
        return data.model_copy(update={"image_size": size, "channels": channels})
    return data


def _network(config: Config) -> Content:
    if config.data.channels is None:
        return Content.styled("known once the images are\n", "$muted")
    try:
        memory = figures.size(fixed_memory(config).total)
        return Content(f"{parameter_count(config):,} parameters\n{memory} with averages and optimizer\n")
    except ConfigError as error:
        return Content.styled(f"{error}\n", "$text-error")


def _heading(words: str) -> tuple[str, str]:
    return (f"{words}\n", "bold $accent")


def _data(data: DataConfig, found: Found | None) -> Content:
    heading = _heading("Data")
    if found is None:
        return Content.assemble(heading, ("looking …\n", "$muted"))
    if isinstance(found, TooLarge):
        return Content.assemble(heading, (f"{found.words}\n", "$muted"))
    if isinstance(found, MissingDataError):
        words = "not on this machine yet: downloaded when training starts\n"
        named = DATASETS.get(data.source)
        return Content.assemble(heading, _named(named) if named else "", (words, "$warning"))
    if isinstance(found, DataError):
        return Content.assemble(heading, (f"{found}\n", "$text-error"))
    summary = found.summary
    lines = _shape(summary.n, summary.image_size, summary.channels)
    if summary.skipped:
        lines += f"{len(summary.skipped)} files are left out\n"
    if words := class_words(found.class_counts):
        lines += f"{words}\n"
    return Content.assemble(heading, lines)


def _classes(found: Found | None, width: int, rows: int) -> Content:
    if not isinstance(found, Glimpse) or not found.class_counts:
        return Content("")
    bars = class_bars(found.summary.class_names, found.class_counts, width, rows)
    return Content.assemble(_heading("\nImages of each class"), bars)


def _named(named: NamedSet) -> str:
    return _shape(named.n, named.image_size, named.channels) + f"{named.origin}\n"


def _shape(n: int, image_size: tuple[int, int], channels: int) -> str:
    height, width = image_size
    return f"{n:,} images, {height}×{width} {_COLOURS[channels]}\n"


def _size_of(data: DataConfig, found: Found | None) -> int | None:
    if isinstance(found, Glimpse):
        return found.summary.n
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
