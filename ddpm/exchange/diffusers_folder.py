"""Folders of diffusers' DDPMPipeline, written and read without diffusers. Nothing is ever unpickled.

DIR/model_index.json   unet/config.json   unet/diffusion_pytorch_model.safetensors
    scheduler/scheduler_config.json
"""

import json
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from ddpm import unet
from ddpm.config import Config
from ddpm.errors import ExchangeError, WrongPlaceError
from ddpm.exchange.diffusers_schedule import diffusion_values, scheduler_json
from ddpm.exchange.diffusers_unet import recipe_values, unet_json
from ddpm.exchange.diffusers_weights import cosines_first, from_diffusers, to_diffusers
from ddpm.files import in_parts, json_bytes, sync_directory, write_durably
from ddpm.generate import Network
from ddpm.progress import Told, told_after, untold

WEIGHTS = "diffusion_pytorch_model.safetensors"
# Not part of a pipeline, so that only an earlier export is ever overwritten.
MARK = "exported.json"
PIPELINES = ("DDPMPipeline", "DDIMPipeline")

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Pipeline:
    """What a folder holds: the sections data, model and diffusion of its recipe, and the weights of the network."""

    values: dict[str, dict[str, Any]]
    weights: dict[str, Tensor]


def save_pipeline(network: Network, folder: Path, label: int | None = None, told: Told = untold) -> None:
    """Write a folder that ``diffusers.DDPMPipeline.from_pretrained`` loads and samples from.

    It is whole or not there; ``told`` hears of the bytes.
    A pipeline cannot be told a class. So of a class-conditional network that is written which draws the class
    ``label``, or, with None, what it draws when it is told none: the class is added to the time, so its vector
    goes into the bias there, exactly. Raises ExchangeError where diffusers has no such network, the folder
    holds something else, or it cannot be written.
    """
    config = network.config
    contents = {
        "model_index.json": json_bytes(
            {
                "_class_name": "DDPMPipeline",
                "unet": ["diffusers", "UNet2DModel"],
                "scheduler": ["diffusers", "DDPMScheduler"],
            }
        ),
        "unet/config.json": json_bytes(unet_json(config)),
        f"unet/{WEIGHTS}": _weights_bytes(network, label),
        "scheduler/scheduler_config.json": json_bytes(scheduler_json(config.diffusion)),
        MARK: json_bytes(
            {
                "by": "ddpm-studio",
                "run": network.run_name,
                "step": network.step,
                "weights": network.weights,
                "label": label,
            }
        ),
    }
    try:
        _replace_folder(folder.resolve(), contents, told)
    except OSError as error:
        raise ExchangeError(f"Cannot write {folder}: {error.strerror}. Choose another place.") from None


def _weights_bytes(network: Network, label: int | None) -> bytes:
    from safetensors.torch import save

    weights = {name: parameter.detach().cpu() for name, parameter in network.unet.named_parameters()}
    num_classes = network.config.num_classes
    if label is not None and not 0 <= label < num_classes:
        raise ExchangeError(f"The network knows {num_classes} classes, numbered from 0; there is no {label}.")
    if num_classes and label is None and network.config.train.label_dropout == 0:
        raise ExchangeError(
            "A pipeline is told no class, and this network was always told one (train.label_dropout 0). Choose the "
            "class that it is to draw."
        )
    if num_classes:
        told = weights.pop("label.weight")[num_classes if label is None else label]
        weights["time.out.bias"] = weights["time.out.bias"] + told
    return save(to_diffusers(weights), metadata={"format": "pt"})


def _replace_folder(folder: Path, contents: dict[str, bytes], told: Told) -> None:
    """Put a folder in place when it is whole; only an earlier export gives way to it."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not (folder / MARK).is_file():
        raise WrongPlaceError(f"{folder} holds something that is no earlier export. Choose another place.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.new")
    old = building.with_suffix(".old")
    try:
        done, total = 0, sum(map(len, contents.values()))
        for name, content in contents.items():
            (building / name).parent.mkdir(parents=True, exist_ok=True)
            write_durably(building / name, in_parts(content, told_after(told, done, total)))
            done += len(content)
            sync_directory((building / name).parent)
        if folder.exists():
            folder.rename(old)
        building.rename(folder)
    except BaseException:
        if old.exists():
            old.rename(folder)
        shutil.rmtree(building, ignore_errors=True)
        raise
    sync_directory(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def read_pipeline(folder: Path) -> Pipeline:
    """The recipe and the weights of a diffusers pipeline that draws pixels from noise and nothing else.

    Raises ExchangeError that says what the folder is instead, or what our network lacks; ConfigError where a
    number is out of a recipe's range.
    """
    if not folder.exists():
        raise WrongPlaceError(f"There is no folder {folder}. Name one that diffusers' save_pretrained wrote.")
    if not (folder / "model_index.json").is_file():
        raise WrongPlaceError(
            f"{folder} is not the folder of a diffusers pipeline: it has no model_index.json."
        )
    index = _read_json(folder / "model_index.json")
    kind = index.get("_class_name")
    if kind not in PIPELINES:
        raise ExchangeError(
            f"{folder} holds a {kind}; what can be taken in is a {' or a '.join(PIPELINES)}, which draws pixels "
            "from noise alone."
        )
    # Old pipelines keep all their files in one folder.
    unet_folder, scheduler_folder = (
        folder / part if (folder / part).is_dir() else folder for part in ("unet", "scheduler")
    )
    network = _read_json(unet_folder / "config.json")
    if network.get("_class_name") != "UNet2DModel":
        raise ExchangeError(
            f"{unet_folder} holds a {network.get('_class_name')}; what can be taken in is a UNet2DModel."
        )
    scheduler_path = scheduler_folder / "scheduler_config.json"
    scheduler = _read_json(scheduler_path)
    values = _understood(unet_folder / "config.json", lambda: recipe_values(network))
    learned = network.get("out_channels", 3) != network.get("in_channels", 3)
    values["diffusion"] = _understood(
        scheduler_path, lambda: diffusion_values(scheduler, learned_variance=learned)
    )
    config = Config.build(values, str(folder))
    with torch.device("meta"):
        shapes = {name: parameter.shape for name, parameter in unet.build(config).named_parameters()}
    weights = from_diffusers(_read_weights(unet_folder), shapes, unet_folder / WEIGHTS)
    return Pipeline(values, cosines_first(weights) if network.get("flip_sin_to_cos", True) else weights)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ExchangeError(f"{path} is missing; a diffusers pipeline has one.") from None
    except (OSError, ValueError) as error:
        raise ExchangeError(f"{path} cannot be read: {error}.") from None
    if not isinstance(content, dict):
        raise ExchangeError(f"{path} cannot be read: it holds no object.")
    return content


def _understood(path: Path, read: Callable[[], Value]) -> Value:
    """What ``read`` makes of a file that anybody may have written."""
    try:
        return read()
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ExchangeError(f"{path} is not what diffusers writes: {error}.") from None


def _read_weights(folder: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = folder / WEIGHTS
    if not path.is_file():
        pickled = path.with_suffix(".bin")
        raise ExchangeError(
            f"{folder} has its weights only in {pickled.name}, a pickle, which may run any program and is not "
            "opened. Save the pipeline again with save_pretrained(..., safe_serialization=True)."
            if pickled.is_file()
            else f"{folder} has no weights: {WEIGHTS} is missing."
        )
    try:
        return load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise ExchangeError(f"{path} cannot be read: {error}.") from None
