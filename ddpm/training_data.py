"""Open what a recipe trains on: in the memory of the device where it fits, and streamed from the disk otherwise."""

from pathlib import Path
from typing import NamedTuple

import torch

from ddpm.config import Config
from ddpm.data import DeviceImages, TrainingImages
from ddpm.datasets import filled_in, left_out, open_stored
from ddpm.held_out import measured_positions
from ddpm.progress import Progress, say_nothing
from ddpm.sources.imageset import ImageSet
from ddpm.sources.stored import StoredImages, fits_into, fits_into_memory, summary_of, worker_count
from ddpm.split import split, split_positions, take
from ddpm.streaming import StreamedImages


class OpenedData(NamedTuple):
    """A recipe with its data section filled in, the images that it trains on, and what is odd about them.

    ``held_out``: the images that the held-out loss is measured on, where the recipe holds any out.
    """

    config: Config
    images: TrainingImages
    warnings: list[str]
    held_out: ImageSet | None


def open_training_data(
    config: Config,
    data_root: Path,
    device: torch.device | str = "cpu",
    *,
    download: bool = False,
    progress: Progress | None = None,
) -> OpenedData:
    """The images that a recipe trains on, ready for its trainer.

    The batches are the same however they are read. Before files are streamed for the first time all of them are
    decoded, so that the broken ones are known; that and the images are kept below ``data_root``. Raises DataError
    as ``open_data`` does.
    """
    data, seed = config.data, config.train.seed
    workers, report = worker_count(data.workers), progress or say_nothing
    stored = open_stored(data, data_root, download=download, progress=report)
    if _is_streamed(config, stored, torch.device(device)):
        whole = stored.checked(workers, report)
        trained, others = split_positions(whole.n, data.held_out, seed)
        measured = others[measured_positions(len(others), seed)]
        return OpenedData(
            filled_in(config, summary_of(whole)),
            StreamedImages(whole.take(trained), seed, device, flip=data.flip, workers=workers),
            [*left_out(whole.skipped), *stored.remarks],
            whole.take(measured).load(workers, report) if len(measured) else None,
        )
    image_set, held_out = split(stored.load(workers, report), data.held_out, seed)
    return OpenedData(
        filled_in(config, image_set),
        DeviceImages(image_set, seed, device, flip=data.flip),
        [*left_out(image_set.skipped), *stored.remarks],
        take(held_out, measured_positions(held_out.n, seed)) if held_out.n else None,
    )


def _is_streamed(config: Config, stored: StoredImages, device: torch.device) -> bool:
    if config.data.stream != "auto":
        return config.data.stream == "always"
    if not fits_into_memory(stored):
        return True
    return device.type == "cuda" and not fits_into(torch.cuda.mem_get_info(device)[0], stored)
