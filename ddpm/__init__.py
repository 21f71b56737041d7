"""Denoising diffusion probabilistic models, small enough to read in an evening.

The names below are imported when they are first used: a program that only reads runs need not load torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ddpm.version import __version__

if TYPE_CHECKING:
    from ddpm.attention import capture_attention
    from ddpm.config import Config
    from ddpm.data import DeviceImages, TrainingImages
    from ddpm.datasets import open_data, open_held_out
    from ddpm.exchange.diffusers_folder import read_pipeline, save_pipeline
    from ddpm.exchange.imported_run import import_run, imported_recipe
    from ddpm.exchange.network_file import load_network_file, save_network_file
    from ddpm.generate import draw, load_network, save_images
    from ddpm.presets import config_for
    from ddpm.recipe_file import from_toml, to_toml
    from ddpm.runs import Run
    from ddpm.runs_root import create_run, list_runs, open_run
    from ddpm.sample_config import SampleConfig
    from ddpm.session import train_run
    from ddpm.trainer import Trainer
    from ddpm.training_data import open_training_data
    from ddpm.unet import UNet

_HOMES = {
    "Config": "config",
    "SampleConfig": "sample_config",
    "from_toml": "recipe_file",
    "to_toml": "recipe_file",
    "DeviceImages": "data",
    "TrainingImages": "data",
    "open_training_data": "training_data",
    "open_data": "datasets",
    "open_held_out": "datasets",
    "draw": "generate",
    "load_network": "generate",
    "save_images": "generate",
    "config_for": "presets",
    "Run": "runs",
    "create_run": "runs_root",
    "list_runs": "runs_root",
    "open_run": "runs_root",
    "train_run": "session",
    "Trainer": "trainer",
    "UNet": "unet",
    "capture_attention": "attention",
    "read_pipeline": "exchange.diffusers_folder",
    "save_pipeline": "exchange.diffusers_folder",
    "load_network_file": "exchange.network_file",
    "save_network_file": "exchange.network_file",
    "import_run": "exchange.imported_run",
    "imported_recipe": "exchange.imported_run",
}

__all__ = [
    "Config",
    "DeviceImages",
    "Run",
    "SampleConfig",
    "Trainer",
    "TrainingImages",
    "UNet",
    "__version__",
    "capture_attention",
    "config_for",
    "create_run",
    "draw",
    "from_toml",
    "import_run",
    "imported_recipe",
    "list_runs",
    "load_network",
    "load_network_file",
    "open_data",
    "open_held_out",
    "open_run",
    "open_training_data",
    "read_pipeline",
    "save_images",
    "save_network_file",
    "save_pipeline",
    "to_toml",
    "train_run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ddpm' has no attribute {name!r}")
    return getattr(import_module(f"ddpm.{_HOMES[name]}"), name)
