"""Who trains on MNIST against whom: the preset a user gets, and two peers as their own training scripts offer them.

A peer's network has as many parameters as ours within 5 %. It gets what its own script has options for and what serves
it in so short a time: a learning rate ten times its default, an average that is not longer than the run, 28x28 images
as they are, attention where ours has it, and bfloat16, which is faster here than its float32, to train and to draw.
"""

import os
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ddpm import DeviceImages, Trainer, config_for, open_data
from ddpm.checkpoint import find_checkpoint, newest_whole
from ddpm.config import DataConfig
from ddpm.data import to_uint8
from ddpm.datasets import load_images
from ddpm.events import StepDone
from ddpm.generate import draw, load_network
from ddpm.parameter_count import parameter_count
from ddpm.presets import preset_values
from ddpm.runs import Run
from ddpm.runs_root import create_run
from ddpm.sample_config import SampleConfig
from ddpm.session import train_run

# Before the peers are imported: they would draw bars.
os.environ.setdefault("TQDM_DISABLE", "1")
# Of each training so many snapshots can be kept: a share of it is a multiple of 1 / 20.
SNAPSHOTS = 20
RUN = "run"
AT_ONCE = 256
SAVE_EVERY = 100


class Contestant(ABC):
    """A network in training. ``samplers`` are the ways of drawing that its own code offers; the best of them counts."""

    batch_size: int
    samplers: tuple[str, ...]
    parameters: int

    @abstractmethod
    def train_step(self) -> None:
        """One step of the training, for the clock."""

    @abstractmethod
    def train(self, folder: Path, kept: list[int]) -> None:
        """Train to the last of the steps ``kept`` with the weights of each left in ``folder``.

        What was cut off goes on exactly.
        """

    @abstractmethod
    def load(self, folder: Path, step: int) -> None:
        """Take the weights that it had after one of the steps ``kept``."""

    @abstractmethod
    def draw(self, sampler: str, n: int, evaluations: int) -> Tensor:
        """n images by the averaged weights, uint8 [n, 1, 28, 28], each with so many calls of the network."""


class Ours(Contestant):
    """The preset ``mnist``, trained as a user trains it, in a run; its learning rate falls over the steps there are."""

    batch_size = preset_values("mnist")["train"]["batch_size"]
    samplers = ("ddpm", "dpm++2m-sde", "ddim")

    def __init__(self, data_root: Path, steps: int) -> None:
        every = max(1, steps // SNAPSHOTS)
        self._data_root = data_root
        self._config = config_for(
            "mnist", overrides={"train": {"steps": steps, "checkpoint_every": every, "keep_every": every}}
        )
        config, images = open_data(self._config, data_root)
        self.parameters = parameter_count(config)
        self._trainer = Trainer(config, DeviceImages(images, config.train.seed))
        self._events = self._trainer.run()

    def train_step(self) -> None:
        while not isinstance(next(self._events), StepDone):
            pass

    def train(self, folder: Path, kept: list[int]) -> None:
        run = Run(folder / RUN)
        if not run.path.exists():
            run = create_run(folder, RUN, self._config)
        done = newest_whole(run.checkpoints_path)
        if done is None or done.step < kept[-1]:
            for _ in train_run(run, data_root=self._data_root, take_commands=list, checkpoint=done):
                pass

    def load(self, folder: Path, step: int) -> None:
        run = Run(folder / RUN)
        self._network = load_network(run, find_checkpoint(run.checkpoints_path, step))

    def draw(self, sampler: str, n: int, evaluations: int) -> Tensor:
        sample = SampleConfig(sampler=sampler, steps=evaluations, n=n, batch_size=AT_ONCE)
        *_, last = draw(self._network, sample)
        return last.x_t


class Peer(Contestant):
    """What the loops of both peers have in common: random batches, bfloat16, clipped gradients, an average.

    A step draws from torch's generator, seeded by the step, so that a run that was cut off goes on exactly.
    """

    network: nn.Module
    step = 0
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler | None = None
    average: Any

    def __init__(self, data_root: Path, low: float) -> None:
        images = load_images(DataConfig(source="mnist"), data_root)
        self._images = torch.as_tensor(images.images).float().div(255).mul(1 - low).add(low)

    @abstractmethod
    def loss(self, images: Tensor) -> Tensor:
        """The loss of a batch; called under autocast."""

    @abstractmethod
    def move_average(self) -> None: ...

    def train_step(self) -> None:
        torch.manual_seed(self.step)
        batch = self._images[torch.randint(len(self._images), (self.batch_size,))]
        with torch.autocast("cpu", torch.bfloat16):
            loss = self.loss(batch)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        if self.schedule is not None:
            self.schedule.step()
        self.optimizer.zero_grad()
        self.move_average()
        self.step += 1

    def train(self, folder: Path, kept: list[int]) -> None:
        latest, last = folder / "latest.pt", kept[-1]
        if _snapshot(folder, last).exists():
            return
        if latest.exists():
            self._restore(latest)
        while self.step < last:
            self.train_step()
            if self.step in kept:
                self._save(_snapshot(folder, self.step))
            if self.step % SAVE_EVERY == 0:
                self._save(latest)
                print(f"{folder.name}: step {self.step} of {last}", file=sys.stderr, flush=True)

    def load(self, folder: Path, step: int) -> None:
        self._restore(_snapshot(folder, step))

    def _save(self, path: Path) -> None:
        partial = path.with_suffix(".partial")
        state = {
            "step": self.step,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict() if self.schedule else {},
            "average": self.average.state_dict(),
        }
        torch.save(state, partial)
        partial.replace(path)

    def _restore(self, path: Path) -> None:
        state = torch.load(path)
        self.step = state["step"]
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.schedule:
            self.schedule.load_state_dict(state["schedule"])
        self.average.load_state_dict(state["average"])

    def draw(self, sampler: str, n: int, evaluations: int) -> Tensor:
        torch.manual_seed(0)
        parts = [AT_ONCE] * (n // AT_ONCE) + [n % AT_ONCE] * (n % AT_ONCE > 0)
        with torch.autocast("cpu", torch.bfloat16):
            return torch.cat([self.draw_some(sampler, part, evaluations) for part in parts])

    @abstractmethod
    def draw_some(self, sampler: str, n: int, evaluations: int) -> Tensor: ...


def _snapshot(folder: Path, step: int) -> Path:
    return folder / f"{step:08}.pt"


class Diffusers(Peer):
    """UNet2DModel as examples/unconditional_image_generation trains it: eps, with the cosine schedule it may be told.

    AdamW and its betas are the script's, and so are the learning rate's half cosine and the average with its warm-up.
    """

    batch_size = 64
    samplers = ("ddim, eta 1", "ddim", "sde-dpmsolver++")
    prediction = "epsilon"
    lr = 1e-3

    def __init__(self, data_root: Path, steps: int) -> None:
        from diffusers import DDPMScheduler, UNet2DModel
        from diffusers.optimization import get_cosine_schedule_with_warmup
        from diffusers.training_utils import EMAModel

        super().__init__(data_root, low=-1.0)
        torch.manual_seed(0)
        self.network = UNet2DModel(
            sample_size=28,
            in_channels=1,
            out_channels=1,
            layers_per_block=1,
            block_out_channels=(16, 32, 64),
            down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
            norm_num_groups=8,
            attention_head_dim=64,
        )
        self.parameters = sum(parameter.numel() for parameter in self.network.parameters())
        self.scheduler = DDPMScheduler(
            1000, beta_schedule="squaredcos_cap_v2", prediction_type=self.prediction
        )
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=self.lr, betas=(0.95, 0.999), weight_decay=1e-6
        )
        self.schedule = get_cosine_schedule_with_warmup(self.optimizer, 100, steps)
        self.average = EMAModel(
            self.network.parameters(), decay=0.9999, use_ema_warmup=True, inv_gamma=1.0, power=0.75
        )

    def loss(self, images: Tensor) -> Tensor:
        noise = torch.randn_like(images)
        t = torch.randint(1000, (len(images),))
        predicted = self.network(self.scheduler.add_noise(images, noise, t), t).sample.float()
        return F.mse_loss(predicted, self.truth(images, noise, t))

    def truth(self, images: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        return noise

    def move_average(self) -> None:
        self.average.step(self.network.parameters())

    @torch.no_grad()
    def draw_some(self, sampler: str, n: int, evaluations: int) -> Tensor:
        from diffusers import DDIMScheduler, DPMSolverMultistepScheduler

        if sampler == "sde-dpmsolver++":
            scheduler = DPMSolverMultistepScheduler.from_config(
                self.scheduler.config,
                algorithm_type=sampler,
                timestep_spacing="trailing",
                lambda_min_clipped=-5.1,  # what its documentation asks for with this schedule
            )
            extra = {}
        else:
            scheduler = DDIMScheduler.from_config(self.scheduler.config, timestep_spacing="trailing")
            extra = {"eta": 0.0 if sampler == "ddim" else 1.0}
        scheduler.set_timesteps(evaluations)
        self.average.store(self.network.parameters())
        self.average.copy_to(self.network.parameters())
        x = torch.randn(n, 1, 28, 28)
        for t in scheduler.timesteps:
            x = scheduler.step(self.network(x, t).sample.float(), t, x, **extra).prev_sample
        self.average.restore(self.network.parameters())
        return to_uint8(x)


class DiffusersByOurRecipe(Diffusers):
    """The same parts in a loop of one's own: v, which diffusers' script does not offer, and our preset's batches."""

    prediction = "v_prediction"
    lr = preset_values("mnist")["train"]["lr"]
    batch_size = preset_values("mnist")["train"]["batch_size"]

    def truth(self, images: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        return self.scheduler.get_velocity(images, noise, t)


class DenoisingDiffusionPytorch(Peer):
    """That package's Unet, GaussianDiffusion with v, which is its default, and the loop of its Trainer.

    Twice as many steps of half as many images, since it has time for so few of them.
    """

    batch_size = 32
    samplers = ("ddim, eta 1", "ddim")

    def __init__(self, data_root: Path, steps: int) -> None:
        from denoising_diffusion_pytorch import GaussianDiffusion, Unet
        from ema_pytorch import EMA

        super().__init__(data_root, low=0.0)
        torch.manual_seed(0)
        unet = Unet(dim=16, dim_mults=(1, 2, 4), channels=1, attn_heads=2)
        self.parameters = sum(parameter.numel() for parameter in unet.parameters())
        self.network = GaussianDiffusion(unet, image_size=28, beta_schedule="cosine")
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-3, betas=(0.9, 0.99))
        self.average = EMA(self.network, beta=0.995, update_every=1)

    def loss(self, images: Tensor) -> Tensor:
        return self.network(images)

    def move_average(self) -> None:
        self.average.update()

    def draw_some(self, sampler: str, n: int, evaluations: int) -> Tensor:
        diffusion = self.average.ema_model
        diffusion.sampling_timesteps, diffusion.is_ddim_sampling = evaluations, True
        diffusion.ddim_sampling_eta = 1.0 if sampler == "ddim, eta 1" else 0.0
        return to_uint8(diffusion.sample(batch_size=n).clone() * 2 - 1)


OURS = "ours"
PEERS = ("diffusers", "denoising-diffusion-pytorch")
CONTESTANTS: dict[str, type[Contestant]] = {
    OURS: Ours,
    "diffusers": Diffusers,
    "denoising-diffusion-pytorch": DenoisingDiffusionPytorch,
    "diffusers, our recipe": DiffusersByOurRecipe,
}
