"""A trained network as one file that says what it is: safetensors, with the recipe in its metadata."""

import struct
from pathlib import Path
from typing import Any

from ddpm import recipe_file, unet
from ddpm.device import pick_device
from ddpm.errors import ExchangeError, WrongPlaceError
from ddpm.files import parse_json, replace_file
from ddpm.generate import Network
from ddpm.progress import Told, untold
from ddpm.recipe_check import refuse_other_size
from ddpm.tensor_files import read_tensors

FORMAT = "ddpm-studio"
# Counts changes of what the metadata mean.
VERSION = 1


def save_network_file(network: Network, path: Path, told: Told = untold) -> None:
    """Write the network, its recipe as TOML, its step and which weights they are to one .safetensors file.

    It is whole or not there; ``told`` hears of the bytes. Raises ExchangeError where the place holds something else
    or cannot be written.
    """
    from safetensors.torch import save

    metadata = {
        "format": FORMAT,
        "version": str(VERSION),
        "config": recipe_file.to_toml(network.config),
        "step": str(network.step),
        "weights": network.weights,
        "run": network.run_name,
    }
    weights = {
        name: parameter.detach().cpu().contiguous() for name, parameter in network.unet.named_parameters()
    }
    if path.is_dir() or (path.exists() and not is_network_file(path)):
        raise WrongPlaceError(f"{path} holds something that is no earlier export. Choose another place.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, save(weights, metadata), told=told)
    except OSError as error:
        raise ExchangeError(f"Cannot write {path}: {error.strerror}. Choose another place.") from None


def load_network_file(path: Path, device: str = "auto") -> Network:
    """The network of a file that save_network_file wrote, ready to draw.

    Raises ExchangeError where it is no such file or is damaged, ConfigError for a recipe that this version does
    not know, DeviceError.
    """
    metadata = _metadata(path)
    config = recipe_file.from_toml(metadata["config"], f"the metadata of {path}")
    where = pick_device(device)
    try:
        tensors = read_tensors(path)
    except (OSError, ValueError) as error:
        raise ExchangeError(f"{path} cannot be read: {error}.") from None
    try:
        refuse_other_size(tensors, config)
        network = unet.build(config)
        network.load_state_dict(tensors)
        step = int(metadata["step"])
    except (KeyError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise ExchangeError(f"The weights in {path} do not fit the recipe beside them: {reason}") from None
    weights = metadata.get("weights", "ema")
    return Network(network.to(where).eval(), config, step, where, weights, metadata.get("run", ""))


def is_network_file(path: Path) -> bool:
    """Whether save_network_file wrote it, by its metadata."""
    try:
        return bool(_metadata(path))
    except ExchangeError:
        return False


def _metadata(path: Path) -> dict[str, str]:
    """What the file says about itself. Raises ExchangeError where that is nothing of ours."""
    header = _header(path)
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        metadata = {}
    if metadata.get("format") != FORMAT or not {"config", "step"} <= metadata.keys():
        raise ExchangeError(
            f"{path} does not say how its network is built, so it was not written by ddpm-studio export. To take "
            "in a folder of diffusers, use ddpm-studio import."
        )
    version = metadata.get("version", "")
    if version != str(VERSION):
        raise ExchangeError(f"{path} was written by a newer ddpm-studio (format {version}); update this one.")
    return metadata


def _header(path: Path) -> dict[str, Any]:
    """The header of a safetensors file, which is JSON after its length in 8 bytes; needs no torch."""
    if not path.exists():
        raise WrongPlaceError(
            f"There is no file {path}. Name a run, or a file that ddpm-studio export wrote."
        )
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = parse_json(file.read(min(length, 10**8)))
    except OSError as error:
        raise ExchangeError(f"Cannot read {path}: {error.strerror}.") from None
    except (struct.error, ValueError):
        raise ExchangeError(f"{path} is not a safetensors file.") from None
    return header if isinstance(header, dict) else {}
