"""What a training has come to: all that a checkpoint stores, made anew, given out and put back."""

from dataclasses import asdict
from typing import Any, Literal

import torch
from pydantic import TypeAdapter
from torch import Tensor
from torch.func import functional_call

from ddpm import schedules, unet
from ddpm.choices import pick_compile
from ddpm.compiled import CompiledNetwork
from ddpm.config import Config
from ddpm.data import TrainingImages
from ddpm.device import pick_precision
from ddpm.ema import build_averages, power_name
from ddpm.events import CheckpointDue, SnapshotDue
from ddpm.finite import all_finite
from ddpm.optim import build_optimizer, load_optimizer_tensors, optimizer_tensors
from ddpm.randomness import derived_seed
from ddpm.recipe_check import recipe_to_store
from ddpm.step_sums import StepSums


class TrainingState:
    """A network in training: its weights, their averages, the optimizer, and how far it has come.

    ``step`` steps are done, ``images_seen`` images were shown in them, in ``seconds``; ``non_finite_in_a_row`` of the
    last ones had no loss. ``preview_left``: a stop came while the preview of this step was drawn. ``compiled`` is the
    network for training steps where it is compiled; all else is computed and stored by the network as it is.
    """

    def __init__(self, config: Config, images: TrainingImages) -> None:
        self.config = config
        self.images = images
        self.device = images.device
        self.schedule = schedules.build(config.diffusion)
        self.precision = pick_precision(config.train.precision, self.device)
        self.restart()

    def restart(self) -> None:
        """Begin anew: at step 0, with the random weights of the recipe's seed."""
        # Initial weights come from torch's global generator: seeded here, and given back as it was.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(self.config.train.seed, "weights", 0))
            self.network = unet.build(self.config).to(self.device)
        self.compiled = CompiledNetwork(self.network) if pick_compile(self.config.train.compile) else None
        self.averages = build_averages(self.config.train, self.network)
        self.optimizer = build_optimizer(self.config.train, self.network)
        self.step = 0
        self.images_seen = 0
        self.seconds = 0.0
        self.since_metrics = StepSums()
        self.non_finite_in_a_row = 0
        self.preview_left = False

    def averaged(self, x_t: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """The prediction of the network with its averaged weights."""
        return functional_call(self.network, self.averages["ema"].weights, (x_t, t, labels))  # type: ignore[no-any-return]

    def is_finite(self) -> bool:
        """Whether all that a checkpoint stores are numbers: an update can overflow though its gradient did not."""
        return all_finite(tensor for named in self._tensors().values() for tensor in named.values())

    def _tensors(self) -> dict[str, dict[str, Tensor]]:
        return {
            "model": {name: parameter.detach() for name, parameter in self.network.named_parameters()},
            **{name: average.weights for name, average in self.averages.items()},
            "optimizer": optimizer_tensors(self.optimizer, self.network),
        }

    def checkpoint(self, reason: Literal["interval", "asked", "end"]) -> CheckpointDue:
        """Everything that restore needs."""
        state = {
            "dataset_size": len(self.images),
            "images_seen": self.images_seen,
            "seconds": self.seconds,
            "since_metrics": asdict(self.since_metrics),
            "non_finite_in_a_row": self.non_finite_in_a_row,
            "preview_left": self.preview_left,
            "lengths": self._lengths(),
            "recipe": recipe_to_store(self.config),
        }
        return CheckpointDue(self.step, self._tensors(), state, reason)

    def snapshot(self) -> SnapshotDue:
        """The averages to keep for good, from which others can be made after training."""
        lengths = self._lengths()
        return SnapshotDue(self.step, {name: self.averages[name].weights for name in lengths}, lengths)

    def _lengths(self) -> dict[str, float]:
        return {power_name(length): length for length in self.config.train.ema_lengths}

    def restore(self, tensors: dict[str, dict[str, Tensor]], state: dict[str, Any]) -> None:
        """Go on from what checkpoint gave: tensors on any device, and the numbers with their step.

        Raises KeyError, RuntimeError, TypeError or ValueError when they are of another network or incomplete.
        """
        self.network.load_state_dict(tensors["model"])
        for name, average in self.averages.items():
            average.load(tensors[name])
        load_optimizer_tensors(self.optimizer, self.network, tensors["optimizer"])
        self.step = int(state["step"])
        self.images_seen = int(state["images_seen"])
        self.seconds = float(state["seconds"])
        self.since_metrics = TypeAdapter(StepSums).validate_python(state["since_metrics"])
        self.non_finite_in_a_row = int(state.get("non_finite_in_a_row", 0))
        self.preview_left = bool(state.get("preview_left", False))
