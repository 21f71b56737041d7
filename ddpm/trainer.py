"""Training, as a generator of events. It writes nothing, prints nothing and asks for commands between two steps."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from pydantic import TypeAdapter
from torch import Tensor
from torch.func import functional_call

from ddpm import schedules, unet
from ddpm.changes import Change, recipe_at, with_change, words_for
from ddpm.commands import Command, Note, SetLearningRate, SetPreviewEvery
from ddpm.config import Config
from ddpm.data import TrainingImages
from ddpm.device import memory_figures, pick_precision
from ddpm.ema import build_averages, power_name
from ddpm.errors import ConfigError, DataError, MemoryFullError, TrainingError
from ddpm.events import (
    CheckpointDue,
    Event,
    Idle,
    MetricsLogged,
    Noted,
    PreviewDrawn,
    PreviewProgress,
    RecipeChanged,
    SnapshotDue,
    State,
    StateChanged,
    StepDone,
    Warned,
)
from ddpm.generate import denoise, draw_in_batches
from ddpm.images import columns_for
from ddpm.objectives import diffusion_loss, random_timesteps
from ddpm.optim import build_optimizer, learning_rate, load_optimizer_tensors, optimizer_tensors
from ddpm.randomness import derived_seed, generator
from ddpm.recipe_check import recipe_to_store
from ddpm.sample_config import SampleConfig
from ddpm.samplers import Step

TakeCommands = Callable[[], Sequence[Command]]


@dataclass
class Sums:
    """What has come together since the last row of metrics; part of a checkpoint, so that no row is cut in two."""

    loss: float = 0.0
    grad_norm: float = 0.0
    steps: int = 0
    images: int = 0
    seconds: float = 0.0

    def add(self, loss: float, grad_norm: float, images: int) -> None:
        """One more step."""
        self.loss += loss
        self.grad_norm += grad_norm
        self.steps += 1
        self.images += images


class Trainer:
    """A network in training: its weights, their average, the optimizer, and how far it has come.

    The images must have the shape that ``config.data`` names. The same recipe on the same device with the same
    number of threads trains the same weights, bit for bit, however often it is interrupted in between.
    """

    def __init__(self, config: Config, images: TrainingImages) -> None:
        self.config = config
        self.images = images
        self.device = images.device
        self.schedule = schedules.build(config.diffusion)
        # Initial weights come from torch's global generator: seeded here, and given back as it was.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(config.train.seed, "weights", 0))
            self.network = unet.build(config).to(self.device)
        self.averages = build_averages(config.train, self.network)
        self.optimizer = build_optimizer(config.train, self.network)
        self.precision = pick_precision(config.train.precision, self.device)
        self.step = 0
        self.images_seen = 0
        self.seconds = 0.0
        self._since_metrics = Sums()
        self._commands: deque[Command] = deque()
        self._stop_asked = False

    def run(self, take_commands: TakeCommands = list) -> Iterator[Event]:
        """Train to the last step of the recipe, or until told to stop; a checkpoint is due at the end either way.

        ``take_commands`` gives the commands since it was last called. Raises TrainingError when the loss or its
        gradient is no longer a number; the weights are then those of the last good step.
        """
        train = self.config.train
        self._stop_asked = False
        deadline = self.seconds + 60 * train.max_minutes if train.max_minutes else float("inf")
        self.network.train()
        yield StateChanged("running", self.step)
        while self.step < train.steps:
            yield from self._obey(take_commands)
            if self._stop_asked:
                yield from self._end("stopped", "told to stop")
                return
            if self.seconds >= deadline:
                yield from self._end(
                    "stopped", f"the {train.max_minutes:g} minutes of train.max_minutes are over"
                )
                return

            started = time.perf_counter()
            self._train_step()
            self._count_time(started)
            yield StepDone(self.step, self.images_seen)

            if self.step % train.log_every == 0 or self.step == train.steps:
                yield self._metrics()
            preview_every = recipe_at(self.config, self.step - 1).previews.every
            if preview_every and (self.step % preview_every == 0 or self.step == train.steps):
                yield from self._preview(take_commands)
            if train.ema_lengths and self.step % train.ema_snapshot_every == 0:
                yield self._snapshot()
            if self.step < train.steps and self.step % train.checkpoint_every == 0:
                yield self.checkpoint("interval")
        yield from self._end("finished", "")

    def _train_step(self) -> None:
        train, device = recipe_at(self.config, self.step).train, self.device
        random = generator(train.seed, "noise", self.step, device)
        x_0, labels = self.images.batch(self.images_seen, train.batch_size)
        labels = self._told(labels)
        t = random_timesteps(self.config.diffusion, len(x_0), random)
        eps = torch.randn(x_0.shape, generator=random, device=device)

        autocast = torch.autocast(device.type, self.precision, enabled=self.precision != torch.float32)
        with self._counted_dropout(), autocast:
            losses = diffusion_loss(self.network, self.config.diffusion, self.schedule, x_0, t, eps, labels)
        loss = losses.mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        grad_norm = torch.nn.utils.get_total_norm(gradients)
        loss_value, grad_norm_value = torch.stack([loss.detach(), grad_norm]).tolist()
        # Before the update, so that no weight is ever harmed.
        if not (abs(loss_value) < float("inf") and grad_norm_value < float("inf")):
            raise TrainingError(
                f"At step {self.step + 1} the loss is {loss_value} and its gradient's norm {grad_norm_value}, so "
                f"training stopped; the checkpoints are sound. Resume with a smaller train.lr (it was {train.lr:g})."
            )
        if grad_norm_value > train.grad_clip:
            torch.nn.utils.clip_grads_with_norm_(self.network.parameters(), train.grad_clip, grad_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(train, self.step)
        self.optimizer.step()

        self.step += 1
        self.images_seen += len(x_0)
        for average in self.averages.values():
            average.update(self.step)
        self._since_metrics.add(loss_value, grad_norm_value, len(x_0))

    def _told(self, labels: Tensor | None) -> Tensor | None:
        """The classes that the network is told; those of some images are hidden (Ho & Salimans 2022, algorithm 1)."""
        if not self.config.num_classes:
            return None
        if labels is None:
            raise DataError(
                f"The data set {self.config.data.source} has no labels on this disk, which model.class_conditional "
                "needs. Get its file of labels, or train without classes."
            )
        random = generator(self.config.train.seed, "label dropout", self.step, self.device)
        hidden = (
            torch.rand(len(labels), generator=random, device=self.device) < self.config.train.label_dropout
        )
        return labels.masked_fill(hidden, self.config.num_classes)

    @contextmanager
    def _counted_dropout(self) -> Iterator[None]:
        """Dropout draws from torch's global generator: seeded by the step here, and given back as it was."""
        if not self.config.model.dropout:
            yield
            return
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(derived_seed(self.config.train.seed, "dropout", self.step))
            yield

    def _count_time(self, started: float) -> None:
        elapsed = time.perf_counter() - started
        self.seconds += elapsed
        self._since_metrics.seconds += elapsed

    def _metrics(self) -> MetricsLogged:
        sums, self._since_metrics = self._since_metrics, Sums()
        return MetricsLogged(
            step=self.step,
            images_seen=self.images_seen,
            loss=sums.loss / sums.steps,
            grad_norm=sums.grad_norm / sums.steps,
            lr=learning_rate(recipe_at(self.config, self.step - 1).train, self.step - 1),
            img_per_s=sums.images / max(sums.seconds, 1e-9),
            seconds=self.seconds,
            memory=memory_figures(self.device),
        )

    def _obey(self, take_commands: TakeCommands) -> Iterator[Event]:
        """Do what was asked for since the last step. While paused, wait for more: until resume or stop."""
        paused = False
        while True:
            self._commands.extend(take_commands())
            while self._commands and not self._stop_asked:
                match self._commands.popleft():
                    case "stop":
                        self._stop_asked = True
                    case "pause" if not paused:
                        paused = True
                        yield StateChanged("paused", self.step)
                    case "resume" if paused:
                        paused = False
                        yield StateChanged("running", self.step)
                    case "preview":
                        yield from self._preview(take_commands)
                    case "checkpoint":
                        yield self.checkpoint("asked")
                    case SetLearningRate(value=lr):
                        yield from self._change(Change(step=self.step, lr=lr))
                    case SetPreviewEvery(value=every):
                        yield from self._change(Change(step=self.step, preview_every=every))
                    case Note(value=words):
                        yield Noted(self.step, words)
            if self._stop_asked or not paused:
                return
            time.sleep(0.05)
            yield Idle(self.step)

    def _change(self, change: Change) -> Iterator[Event]:
        """Go on by another recipe, once that is stored: whoever resumes has to make the same change."""
        before = self.config
        try:
            self.config = with_change(before, change)
        except ConfigError as error:
            yield Warned(self.step, f"not changed: {error}")
            return
        changed = RecipeChanged(self.step, self.config, words_for(change, before))
        yield changed
        if changed.refused:
            self.config = before

    def _preview(self, take_commands: TakeCommands) -> Iterator[Event]:
        """Draw the preview from the averaged weights; a stop asked for meanwhile ends it unfinished."""
        previews = self.config.previews
        sample = SampleConfig(
            sampler=previews.sampler,
            steps=min(previews.steps, self.schedule.T),
            n=previews.n,
            seed=previews.seed,
            guidance_scale=previews.guidance_scale,
        )

        def start(indices: range) -> Iterator[Step]:
            return denoise(self.averaged, self.config, sample, indices, self.device)

        started = time.perf_counter()
        self.network.eval()
        try:
            for drawing in draw_in_batches(start, sample.n, sample.batch_size, sample.steps):
                yield PreviewProgress(self.step, drawing.done, drawing.total)
                self._commands.extend(take_commands())
                if "stop" in self._commands:
                    return
        except MemoryFullError as error:
            yield Warned(self.step, f"the preview was left out: {error}")
            return
        finally:
            self.network.train()
        self.seconds += time.perf_counter() - started
        channels, height, width = self.config.data.shape
        recorded = {"n", "sampler", "steps", "seed", "guidance_scale", "weights"}
        recipe = {
            "step": self.step,
            "columns": columns_for(sample.n),
            "channels": channels,
            "height": height,
            "width": width,
            **sample.model_dump(mode="json", include=recorded),
        }
        yield PreviewDrawn(self.step, drawing.x_t, recipe)

    def averaged(self, x_t: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """The prediction of the network with its averaged weights."""
        return functional_call(self.network, self.averages["ema"].weights, (x_t, t, labels))  # type: ignore[no-any-return]

    def checkpoint(self, reason: Literal["interval", "asked", "end"]) -> CheckpointDue:
        """Everything that restore needs."""
        tensors = {
            "model": {name: parameter.detach() for name, parameter in self.network.named_parameters()},
            **{name: average.weights for name, average in self.averages.items()},
            "optimizer": optimizer_tensors(self.optimizer, self.network),
        }
        state = {
            "dataset_size": len(self.images),
            "images_seen": self.images_seen,
            "seconds": self.seconds,
            "since_metrics": asdict(self._since_metrics),
            "lengths": self._lengths(),
            "recipe": recipe_to_store(self.config),
        }
        return CheckpointDue(self.step, tensors, state, reason)

    def _snapshot(self) -> SnapshotDue:
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
        self._since_metrics = TypeAdapter(Sums).validate_python(state["since_metrics"])

    def _end(self, state: State, message: str) -> Iterator[Event]:
        yield self.checkpoint("end")
        yield StateChanged(state, self.step, message)
