"""Which network a command works with: a checkpoint of a run, or a file that ``export`` wrote."""

from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.checkpoint import find_checkpoint
from ddpm.errors import CheckpointGoneError, ConfigError
from ddpm.runs_root import open_run

if TYPE_CHECKING:
    from ddpm.generate import Network

SUFFIX = ".safetensors"


def open_network(
    root: Path,
    name: str,
    *,
    checkpoint: int | None = None,
    weights: str | None = None,
    device: str = "auto",
) -> "Network":
    """The network of the run ``name`` below ``root``, or of the .safetensors file of that path.

    Without ``checkpoint`` the newest whole one, without ``weights`` the average, or what the file has. Raises
    ConfigError for what a file does not have, and DDPMError as load_network and load_network_file do.
    """
    if not is_file(root, name):
        run = open_run(root, name)
        chosen = find_checkpoint(run.checkpoints_path, checkpoint)
        from ddpm.generate import (
            load_network,
            load_newest_network,
        )  # torch, after what can be wrong without it

        try:
            return load_network(run, chosen, weights or "ema", device)
        except CheckpointGoneError:
            if checkpoint is not None:
                raise
            return load_newest_network(run, weights or "ema", device)
    if checkpoint is not None:
        raise ConfigError(f"{name} holds one network, so --checkpoint has nothing to choose from.")
    from ddpm.exchange.network_file import load_network_file

    network = load_network_file(Path(name).expanduser(), device)
    if weights not in (None, network.weights):
        raise ConfigError(f"{name} holds the {network.weights} weights only, not the {weights} ones.")
    return network


def samples_folder(root: Path, name: str) -> Path:
    """Where drawings go unless told otherwise: into the run, or beside the file."""
    if is_file(root, name):
        path = Path(name).expanduser()
        return path.with_name(f"{path.stem}-samples")
    return open_run(root, name).path / "samples"


def is_file(root: Path, name: str) -> bool:
    """Whether ``name`` means an exported file; a run whose name looks like one comes first."""
    return name.endswith(SUFFIX) and not (root / name).is_dir()
