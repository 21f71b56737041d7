"""What a recipe will do on this machine, as words: data, network, length and the command for it."""

import math
from dataclasses import dataclass

from textual.content import Content

from ddpm.config import Config, DataConfig
from ddpm.datasets import DATASETS, NamedSet, resolve
from ddpm.errors import ConfigError, DataError, MissingDataError
from ddpm.parameter_count import parameter_count
from ddpm.presets import EXPERIENCES, NEED_A_GPU
from studio import figures
from studio.class_counts import class_bars, class_words
from studio.data_look import Found, Glimpse, TooLarge
from studio.recipe_costs import Costs
from studio.trial import Measured

_COLOURS = {1: "grey", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True)
class Known:
    """What has been found out beside what the form says; None as long as nobody knows."""

    found: Found | None = None
    costs: Costs | None = None
    measured: Measured | None = None
    is_measuring: bool = False


def forecast(config: Config, known: Known, preset: str, command: str, width: int, rows: int) -> Content:
    """Words for the panel beside the form, ``width`` characters wide, with ``rows`` to spare; 0: as short as can be.

    ``config``: as ``with_known_data`` gives it; ``preset``: that it is, unchanged; empty where it is none.
    """
    gap = "\n" if rows else ""
    return Content.assemble(
        _data(config.data, known.found),
        _heading(f"{gap}Network"),
        _network(config),
        _memory(known.costs, in_full=rows > 0),
        _heading(f"{gap}Training"),
        _time(config, known.measured, known.is_measuring),
        _length(config, _size_of(config.data, known.found)),
        _experience(preset, gap),
        _heading(f"{gap}The same from a shell"),
        (f"{command}\n", "$primary"),
        _classes(known.found, gap, width, rows),
    )


def with_known_data(config: Config, found: Found | None) -> Config:
    """The recipe with what is known of the data set, on this disk or by its name; else without a shape."""
    data = config.data
    if isinstance(found, Glimpse):
        known = resolve(data, found.summary)
    elif config.model.class_conditional:
        known = data.model_copy(update={"channels": None})  # nobody knows yet how many classes there are
    elif named := DATASETS.get(data.source):
        shape = {
            "image_size": data.image_size or named.image_size,
            "channels": data.channels or named.channels,
        }
        known = data.model_copy(update=shape)
    else:
        known = data
    return config.model_copy(update={"data": known})


def _network(config: Config) -> Content:
    if config.data.channels is None or config.data.image_size is None:
        return Content.styled("known once the images are\n", "$muted")
    try:
        return Content(f"{parameter_count(config):,} parameters\n")
    except ConfigError:
        return Content("")  # the costs say why


def _memory(costs: Costs | None, *, in_full: bool) -> Content:
    if costs is None:
        return Content.styled("memory: to be estimated …\n", "$muted")
    if costs.problem:
        return Content.styled(f"{costs.problem}\n", "$text-error")
    about = costs.memory if in_full else figures.size(costs.n_bytes)
    needed = f"memory about {about}\n" if costs.n_bytes else ""
    if costs.is_tight:
        return Content.assemble(needed, (f"! more than is free on {costs.device}\n", "$text-warning"))
    return Content.assemble(needed, (f"on {costs.device}\n" if in_full else "", "$muted"))


def _time(config: Config, measured: Measured | None, is_measuring: bool) -> Content:
    if measured is None or not measured.holds_for(config):
        words = "how long? ctrl+r measures it\n" if measured is None else "changed: ctrl+r measures again\n"
        return Content.styled("measuring another recipe …\n" if is_measuring else words, "$muted")
    if measured.problem:
        return Content.styled(f"{measured.problem}\n", "$text-error")
    if measured.pace is None:
        words = "measuring; ctrl+r ends it …\n" if is_measuring else "broken off before a step was measured\n"
        return Content.styled(words, "$muted")
    pace = measured.pace
    whole = config.train.steps * pace.seconds_a_step
    limit = 60 * config.train.max_minutes if config.train.max_minutes else math.inf
    words = f"about {figures.duration(min(whole, limit))}"
    if whole > limit:
        words += f", for {limit / whole:.0%} of the steps"
    seconds = figures.step_time(pace.seconds_a_step)
    how = f"\n{seconds} a step, by {pace.steps} on {pace.device}"
    going = "; measuring …" if is_measuring else ""
    return Content.assemble((words, "bold"), (f"{how}{going}\n", "$muted"))


def _experience(preset: str, gap: str) -> Content:
    if preset in NEED_A_GPU:
        return Content.assemble(_heading(f"{gap}Not measured"), "it needs a GPU, and none was at hand\n")
    if preset not in EXPERIENCES:
        return Content("")
    known = EXPERIENCES[preset]
    words = f"{figures.duration(known.seconds)} on {known.machine}: {known.reached}\n"
    return Content.assemble(_heading(f"{gap}Once measured"), words)


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
    return Content.assemble(heading, lines, *((f"{remark}\n", "$warning") for remark in summary.remarks))


def _classes(found: Found | None, gap: str, width: int, rows: int) -> Content:
    if not isinstance(found, Glimpse) or not found.class_counts:
        return Content("")
    bars = class_bars(found.summary.class_names, found.class_counts, width, rows)
    return Content.assemble(_heading(f"{gap}Images of each class"), bars)


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
        steps = "1 step" if per_epoch == 1 else f"{per_epoch:,} steps"
        lines += f"{steps} an epoch, {epochs:,.1f} epochs\n"
    previews = config.previews
    if previews.every:
        lines += f"{previews.n} samples every {previews.every:,} steps\n"
    return lines + f"a checkpoint every {train.checkpoint_every:,}, {train.keep_checkpoints} kept\n"
