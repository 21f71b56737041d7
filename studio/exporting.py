"""Writes a trained network for other programs: what the command line and the app offer alike."""

from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.config import Config
from ddpm.progress import Told, untold
from ddpm.sample_config import SampleConfig
from ddpm.sample_recipe import fitted, label_numbers

if TYPE_CHECKING:
    from ddpm.generate import Network

FORMATS = {
    "safetensors": "one file that `ddpm-studio sample` takes",
    "diffusers": "a folder for its DDPMPipeline",
}


def usual_place(folder: Path, name: str, step: int, weights: str, format: str) -> Path:
    """Where an export goes unless a person says otherwise: below ``folder``, with a name that says what it is."""
    suffix = ".safetensors" if format == "safetensors" else "-diffusers"
    return folder / f"{name}-step-{step:08d}-{weights}{suffix}"


def export(network: "Network", format: str, out: Path, label: str | None = None, told: Told = untold) -> str:
    """Write one of FORMATS; returns what was written and how to draw from it, in two lines.

    ``label``: the class that a pipeline draws, for diffusers cannot be told one. ``told`` hears of the
    bytes. Raises ExchangeError, ConfigError.
    """
    what = f"step {network.step} of {network.run_name} in {out}"
    if format == "safetensors":
        from ddpm.exchange.network_file import save_network_file

        save_network_file(network, out, told)
        return f"{what}\ndraw from it: ddpm-studio sample {out}"

    from ddpm.exchange.diffusers_folder import save_pipeline

    config = network.config
    save_pipeline(network, out, baked_class(config, label), told)
    drawn = f", which draws the class {label or 'none'}" if config.num_classes else ""
    return (
        f"{what}{drawn}\ndraw from it: diffusers.DDPMPipeline.from_pretrained({str(out)!r})"
        f"(num_inference_steps={config.diffusion.T})"
    )


def baked_class(config: Config, label: str | None) -> int | None:
    """The number of the class that a pipeline is to draw; None for no class. Raises ConfigError for one unknown."""
    if label is None:
        return None
    (number,) = label_numbers(fitted(SampleConfig(label=(label,), steps=1), config), config) or (None,)
    return None if number == config.num_classes else number
