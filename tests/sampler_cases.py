"""The grid on which samplers are compared with diffusers' schedulers: schedules, predictions, steps, clipping."""

from dataclasses import dataclass

import torch
from sampler_laws import eps_of

from ddpm import schedules
from ddpm.config import DiffusionConfig
from ddpm.denoisers import clipped, of_network

PREDICTIONS = {"eps": "epsilon", "x_0": "sample", "v": "v_prediction"}
SCHEDULES = ("linear", "scaled-linear", "quadratic", "cosine", "sigmoid")


@dataclass(frozen=True)
class Case:
    """n of T steps with a network that gives the same raw outputs to both sides, whatever it is said to predict."""

    T: int
    n: int
    name: str
    prediction: str
    clip: bool
    zero_terminal_snr: bool = False

    def __str__(self):
        ends = "-zero-snr" if self.zero_terminal_snr else ""
        return (
            f"{self.n} of {self.T}-{self.name}{ends}-{self.prediction}-{'clip' if self.clip else 'no clip'}"
        )

    @property
    def config(self):
        return DiffusionConfig(
            T=self.T,
            schedule=self.name,
            prediction=self.prediction,
            zero_terminal_snr=self.zero_terminal_snr,
        )

    @property
    def schedule(self):
        return schedules.build(self.config)

    @property
    def visited(self):
        return schedules.timesteps(self.T, self.n)

    @property
    def denoiser(self):
        denoiser = of_network(eps_of, self.config, self.schedule)
        return clipped(denoiser) if self.clip else denoiser

    @property
    def clips(self):
        """The options of a scheduler that clips x_0 itself, and converts what the network predicts."""
        return {"clip_sample": self.clip, "prediction_type": PREDICTIONS[self.prediction]}

    def told(self, converts=("eps", "x_0", "v")):
        """What a scheduler that does not clip is told at (x_t, t), and its prediction_type.

        The raw output where nothing is clipped and the scheduler converts such predictions; else the eps that the
        denoiser implies.
        """
        if not self.clip and self.prediction in converts:
            return raw_output, PREDICTIONS[self.prediction]
        return implied_eps(self.denoiser, self.schedule), "epsilon"


def raw_output(x_t, t):
    """What the network gives at one t."""
    return eps_of(x_t, torch.full((len(x_t),), t))


def implied_eps(denoiser, schedule):
    """The eps of a denoiser's x_0, as a function of x_t and one t."""

    def implied(x_t, t):
        alpha_bar = schedule.alpha_bar_before(t)
        x_0 = denoiser(x_t, torch.full((len(x_t),), t))
        return (x_t - alpha_bar**0.5 * x_0) / (1 - alpha_bar) ** 0.5

    return implied


# Every schedule with few steps, and every number of steps with two schedules; all with every prediction.
GRID = [
    Case(T, n, name, prediction, clip)
    for T, n, names in [
        (12, 4, SCHEDULES),
        (10, 10, SCHEDULES),
        *((T, n, ("linear", "cosine")) for T, n in [(1, 1), (200, 50), (1000, 20)]),
    ]
    for name in names
    for prediction in PREDICTIONS
    for clip in (True, False)
]
# The first timestep is nothing but noise, of which eps says nothing.
ENDS_IN_NOISE = [
    Case(T, n, name, "v", clip, zero_terminal_snr=True)
    for T, n in [(10, 10), (12, 4), (1000, 20)]
    for name in ("linear", "scaled-linear", "cosine")
    for clip in (True, False)
]
