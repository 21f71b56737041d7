"""How a network is trained: its optimizer, for how long, where, and what is written when."""

from typing import Literal

from pydantic import Field

from ddpm.config_values import Decays, Device, LearningRate, Lengths, Microbatch, Section, Seed


class TrainConfig(Section):
    """Optimizer, length, devices and what is written when."""

    steps: int = Field(10_000, ge=1, le=10**9, description="optimizer steps")
    max_minutes: float | None = Field(
        None,
        gt=0,
        description="stop after this many minutes, counted from each start; the lr still falls over train.steps",
    )
    batch_size: int = Field(64, ge=1, le=65_536, description="images in one step; may exceed the data set")
    microbatch: Microbatch | None = Field(
        None,
        description="images of a step that go through the network at once, for less memory; by default all of them",
    )
    lr: LearningRate = Field(
        1e-3, description="highest learning rate of AdamW; on resume, in place of all that it was changed to"
    )
    lr_schedule: Literal["constant", "cosine"] = Field(
        "cosine", description="the learning rate after warm-up: stays, or falls to 0 as a half cosine"
    )
    warmup_steps: int = Field(100, ge=0, description="steps over which the learning rate rises from 0")
    weight_decay: float = Field(
        0.0, ge=0, le=10, description="decoupled weight decay, on weights of 2 or more axes"
    )
    grad_clip: float = Field(
        1.0, gt=0, description="gradients with a larger norm are scaled down to this one"
    )
    ema_decay: float = Field(
        0.999, ge=0, lt=1, description="decay of the weight average that samples are drawn from"
    )
    ema_more_decays: Decays = Field(
        (),
        description="decays of further averages, such as 0.99,0.9999; the weights ema-0.9999 draw from one",
    )
    ema_lengths: Lengths = Field(
        (),
        description="lengths of power-function averages as shares of the run, such as 0.05,0.1; from two or more "
        "any other can be made after training",
    )
    ema_snapshot_every: int = Field(
        1000, ge=1, description="steps between two stored snapshots of the averages of ema_lengths"
    )
    label_dropout: float = Field(
        0.1,
        ge=0,
        le=1,
        description="share of the images whose class is hidden from a class-conditional network, which guidance needs",
    )
    seed: Seed = Field(0, description="the same seed on the same device trains the same run")
    device: Device = Field("auto", description="auto, cpu, mps, cuda or cuda:N")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="arithmetic of the network; auto: bfloat16 where the device is faster with it"
    )
    compile: Literal["auto", "on", "off"] = Field(
        "auto",
        description="compile the network for training, which delays the first step by a minute or more; auto: off, as "
        "no device is known to gain by it (see ddpm-studio doctor)",
    )
    log_every: int = Field(10, ge=1, description="steps between two rows of metrics")
    held_out_every: int = Field(
        200,
        ge=0,
        description="steps between two measurements of the loss on images of data.held_out, by the averaged weights; "
        "0: none",
    )
    checkpoint_every: int = Field(1000, ge=1, description="steps between two checkpoints")
    keep_checkpoints: int = Field(3, ge=1, description="newest checkpoints to keep")
    non_finite_limit: int = Field(
        5,
        ge=1,
        description="so many steps in a row whose loss is no number take the run back to its last checkpoint, with "
        "half the lr",
    )
    max_rollbacks: int = Field(3, ge=0, description="how often a run goes back before it ends as failed")
    keep_every: int = Field(0, ge=0, description="keep the checkpoints of steps that this divides; 0: off")
