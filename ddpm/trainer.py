"""Training, as a generator of events. It writes nothing, prints nothing and asks for commands between two steps."""

import math
import textwrap
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

from ddpm.changes import Change, RecipesInForce, with_change, words_for
from ddpm.choices import with_cuda_graphs
from ddpm.commands import Command, Note, SetLearningRate, SetPreviewEvery
from ddpm.config import Config
from ddpm.data import TrainingImages
from ddpm.device import is_out_of_memory, memory_figures
from ddpm.draws import Draws, counted_dropout, draw_step
from ddpm.errors import ConfigError, MemoryFullError, TrainingError
from ddpm.events import (
    Event,
    Idle,
    MetricsLogged,
    NonFinite,
    Noted,
    PreviewDrawn,
    PreviewProgress,
    RecipeChanged,
    RollbackDue,
    State,
    StateChanged,
    StepDone,
    Warned,
)
from ddpm.generate import denoise, draw_in_batches
from ddpm.held_out import HeldOut
from ddpm.loss_bins import bin_sums
from ddpm.memory_check import told_with_estimate, too_little_memory
from ddpm.memory_estimate import images_at_once
from ddpm.microbatches import BatchLoss, accumulate_gradients, release_memory
from ddpm.objectives import Network, diffusion_loss
from ddpm.optim import learning_rate
from ddpm.preview_recipe import preview_recipe, preview_samples
from ddpm.sample_config import SampleConfig
from ddpm.samplers import Step
from ddpm.sources.imageset import ImageSet
from ddpm.step_sums import StepSums
from ddpm.training_state import TrainingState

TakeCommands = Callable[[], Sequence[Command]]


class Trainer(TrainingState):
    """Trains a network, and says what happens.

    The images must have the shape that ``config.data`` names. The same recipe on the same device with the same
    number of threads trains the same weights, bit for bit, however often it is interrupted in between.
    """

    def __init__(self, config: Config, images: TrainingImages, held_out: ImageSet | None = None) -> None:
        """``held_out``: images that are not among those trained on, to measure the loss of ``held_out_every`` on."""
        super().__init__(config, images)
        self._in_force = RecipesInForce(config)
        self._held_out = HeldOut(config, held_out, self.device) if held_out else None
        self._commands: deque[Command] = deque()
        self._stop_asked = False
        self._spent = 0.0

    def run(self, take_commands: TakeCommands = list) -> Iterator[Event]:
        """Train to the last step of the recipe, or until told to stop; a checkpoint is due at the end either way.

        ``take_commands`` gives the commands since it was last called. A step whose loss or gradient is no number
        changes no weight; after ``train.non_finite_limit`` of them in a row, or where the weights are no longer
        numbers, a RollbackDue asks for earlier weights. Raises TrainingError where nobody gives them.
        """
        train = self.config.train
        self._stop_asked = False
        self._spent = 0.0
        deadline = 60 * train.max_minutes if train.max_minutes else float("inf")
        self.network.train()
        yield StateChanged("running", self.step)
        if self.compiled and self.step < train.steps:
            yield Noted(self.step, "the network is compiled in the first step, which takes a minute or more")
        while self.step < train.steps:
            yield from self._obey(take_commands)
            if self._stop_asked:
                yield from self._end("stopped", "told to stop")
                return
            if self._spent >= deadline:
                yield from self._end(
                    "stopped", f"the {train.max_minutes:g} minutes of train.max_minutes are over"
                )
                return
            if self.preview_left:
                yield from self._preview(take_commands)
                continue

            started = time.perf_counter()
            non_finite = yield from self._train_step()
            self._count_time(started)
            if non_finite:
                yield non_finite
            yield StepDone(self.step, self.images_seen)

            due = self._due()
            if reason := self._why_not_on(due):
                yield from self._go_back(reason)
                continue
            if "metrics" in due:
                yield self._metrics(self._held_out_loss() if "held-out loss" in due else None)
            if "preview" in due:
                yield from self._preview(take_commands)
            if "snapshot" in due:
                yield self.snapshot()
            if "checkpoint" in due:
                yield self.checkpoint("interval")
        yield from self._end("finished", "")

    def _due(self) -> set[str]:
        """What follows the step that has just ended."""
        train, step = self.config.train, self.step
        preview_every = self._recipe_at(step - 1).previews.every
        is_last = step == train.steps
        held_out = self._held_out and train.held_out_every and (is_last or step % train.held_out_every == 0)
        due = {
            "metrics": held_out or is_last or step % train.log_every == 0,
            "held-out loss": held_out,
            "preview": preview_every and (is_last or step % preview_every == 0),
            "snapshot": train.ema_lengths and step % train.ema_snapshot_every == 0,
            # None amid bad steps: going back to it would lead to the same ones.
            "checkpoint": step % train.checkpoint_every == 0 and not (is_last or self.non_finite_in_a_row),
            "end": is_last,
        }
        return {name for name, is_due in due.items() if is_due}

    def _why_not_on(self, due: set[str]) -> str:
        """What is wrong with the weights, where it has to be known; empty while they are numbers."""
        if self.non_finite_in_a_row >= self.config.train.non_finite_limit:
            return f"the loss of {self.non_finite_in_a_row} steps in a row was no number"
        if due - {"metrics"} and not self.is_finite():
            return "weights, their averages or the optimizer's moments are no longer numbers"
        return ""

    def _go_back(self, reason: str) -> Iterator[Event]:
        due = RollbackDue(self.step, self.step - self.non_finite_in_a_row, reason)
        yield due
        if not due.done:
            lr = self._recipe_at(self.step - 1).train.lr
            raise TrainingError(
                f"At step {self.step} {reason}, so training stopped; the checkpoints are sound. Resume with a smaller "
                f"train.lr (it was {lr:g})."
            )

    def _train_step(self) -> Generator[Event, None, NonFinite | None]:
        draws = draw_step(self.config, self.images, self.step, self.images_seen)
        loss = yield from self._gradients(draws)
        with told_with_estimate(self._recipe, self.device):
            return self._update(loss, draws.t)

    @property
    def _recipe(self) -> Config:
        """The recipe of the step that is next, or under way."""
        return self._recipe_at(self.step)

    def _recipe_at(self, step: int) -> Config:
        if self._in_force.config is not self.config:
            self._in_force = RecipesInForce(self.config)
        return self._in_force.at(step)

    def _gradients(self, draws: Draws) -> Generator[Event, None, BatchLoss]:
        """Make the gradients of the mean loss, and return the loss. Where memory ends, fewer images are taken at once.

        That is so from this step on, and stored first: it changes the rounding, which a resumed run has to repeat.
        """
        images = images_at_once(self._recipe)
        while (loss := (yield from self._compiled_if_possible(draws, images))) is None:
            release_memory(self.device)
            if images == 1:
                raise too_little_memory(self.config, images, self.device)
            images = math.ceil(images / 2)
            how = f"its {len(draws)} images go through the network {images} at a time from now on"
            yield Warned(self.step, f"memory ended in step {self.step + 1}, so {how}")
            yield from self._change(Change(step=self.step, microbatch=images, reason="memory"))
        return loss

    def _compiled_if_possible(self, draws: Draws, images: int) -> Generator[Event, None, BatchLoss | None]:
        """As _try_gradients. Where the compiled network raises an error, the same step is done without it."""
        try:
            return self._try_gradients(draws, images)
        except Exception as error:  # a compiler raises whatever its parts raise
            if not self.compiled:
                raise
            self.compiled = None
            said = textwrap.shorten(f"{type(error).__name__}: {error}", 200)
        yield Warned(self.step, f"the network cannot be compiled here and is trained as it is ({said})")
        return self._try_gradients(draws, images)

    def _try_gradients(self, draws: Draws, images: int) -> BatchLoss | None:
        """The loss, its gradients made; None, and no gradients, where memory ends with so many images at once."""
        self.optimizer.zero_grad(set_to_none=True)
        try:
            with counted_dropout(self.config, self.step, self.device):
                return accumulate_gradients(self._losses, draws, images)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self.optimizer.zero_grad(set_to_none=True)
            return None

    def _losses(self, draws: Draws) -> Tensor:
        if not self.compiled:
            return self._losses_of(self.network, draws)
        recipe = self._recipe
        whole = images_at_once(recipe) >= recipe.train.batch_size
        network = self.compiled.for_step(cuda_graphs=with_cuda_graphs(self.device, whole=whole))
        return self._losses_of(network, draws)

    def _losses_of(self, network: Network, draws: Draws) -> Tensor:
        x_0, t, eps, labels = draws.x_0, draws.t, draws.eps, draws.labels
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            return diffusion_loss(network, self.config.diffusion, self.schedule, x_0, t, eps, labels)

    def _held_out_loss(self) -> float | None:
        """The mean loss of the averaged weights on images that are held out; None where it is no number."""
        assert self._held_out is not None  # else it is never due
        started = time.perf_counter()
        self.network.eval()
        loss = self._held_out.mean_loss(
            lambda draws: self._losses_of(self.averaged, draws), images_at_once(self._recipe)
        )
        self.network.train()
        self._spend(time.perf_counter() - started)
        return loss

    def _update(self, loss: BatchLoss, t: Tensor) -> NonFinite | None:
        """Change the weights by their gradients, unless these or the loss are no numbers."""
        train = self._recipe.train
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        grad_norm = torch.nn.utils.get_total_norm(gradients)
        # All that is read of a step at once: each reading waits for the device.
        read = (
            torch.cat([torch.stack([loss.mean, grad_norm]), loss.each, t.to(loss.each.dtype)]).cpu().numpy()
        )
        loss_value, grad_norm_value = read[:2].tolist()
        self.step += 1
        self.images_seen += train.batch_size
        # Before the update, so that no weight is ever harmed.
        if not (abs(loss_value) < float("inf") and grad_norm_value < float("inf")):
            return self._skipped(loss_value, grad_norm_value, train.batch_size)
        if grad_norm_value > train.grad_clip:
            torch.nn.utils.clip_grads_with_norm_(self.network.parameters(), train.grad_clip, grad_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(train, self.step - 1)
        self.optimizer.step()
        for average in self.averages.values():
            average.update(self.step)
        bins = bin_sums(read[2 : 2 + len(t)], read[2 + len(t) :], self.schedule.T)
        self.since_metrics.add(loss_value, grad_norm_value, bins)
        self.non_finite_in_a_row = 0
        return None

    def _skipped(self, loss: float, grad_norm: float, images: int) -> NonFinite:
        """A step without an update. It counts all the same: the next one has other images and other noise."""
        self.since_metrics.skipped += 1
        self.non_finite_in_a_row += 1
        return NonFinite(
            self.step,
            loss,
            grad_norm,
            self.config.train.seed,
            self.images_seen - images,
            self.config.changes,
        )

    def _count_time(self, started: float) -> None:
        elapsed = time.perf_counter() - started
        self._spend(elapsed)
        self.since_metrics.seconds += elapsed

    def _spend(self, seconds: float) -> None:
        self.seconds += seconds
        self._spent += seconds  # since this start: going back to a checkpoint gives no time back

    def _metrics(self, held_out_loss: float | None) -> MetricsLogged:
        sums, self.since_metrics = self.since_metrics, StepSums()
        return MetricsLogged(
            step=self.step,
            images_seen=self.images_seen,
            loss=sums.mean_loss,
            grad_norm=sums.mean_grad_norm,
            lr=learning_rate(self._recipe_at(self.step - 1).train, self.step - 1),
            img_per_s=sums.img_per_s,
            seconds=self.seconds,
            memory=memory_figures(self.device),
            skipped=sums.skipped,
            loss_bins=sums.loss_bins,
            held_out_loss=held_out_loss,
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
                        yield self._checkpoint_if_finite("asked")
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
        """Draw the previews of this step; a stop asked for meanwhile leaves them to whoever resumes."""
        self.preview_left = False
        if not self.is_finite():
            yield Warned(self.step, "the preview was left out: the weights are no longer numbers")
            return
        for sample in preview_samples(self.config):
            yield from self._draw_preview(sample, take_commands)
            if "stop" in self._commands:
                self.preview_left = True
                return

    def _draw_preview(self, sample: SampleConfig, take_commands: TakeCommands) -> Iterator[Event]:
        network = self.network if sample.weights == "raw" else self.averaged

        def start(indices: range) -> Iterator[Step]:
            return denoise(network, self.config, sample, indices, self.device)

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
        self._spend(time.perf_counter() - started)
        yield PreviewDrawn(self.step, drawing.x_t, preview_recipe(self.config, sample, self.step))

    def _checkpoint_if_finite(self, reason: Literal["asked", "end"]) -> Event:
        if self.is_finite():
            return self.checkpoint(reason)
        return Warned(self.step, "no checkpoint was made: the weights are no longer numbers")

    def _end(self, state: State, message: str) -> Iterator[Event]:
        yield self._checkpoint_if_finite("end")
        yield StateChanged(state, self.step, message)
