"""Noise schedules: float64 tables of beta and what follows from it, and which timesteps a sampler visits.

t runs from 0 to T - 1 everywhere; t = 0 is the first, smallest noise, so alpha_bar[0] < 1.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ddpm.config import DiffusionConfig
from ddpm.config_values import Spacing
from ddpm.errors import ConfigError

# The largest beta of a schedule that would otherwise reach 1; the value of Nichol & Dhariwal 2021, section 3.2.
MAX_BETA = 0.999
SMALLEST_FLOAT32 = torch.finfo(torch.float32).tiny


@dataclass(frozen=True, eq=False)
class Schedule:
    """Tables over t, each float64 [T].

    ``beta[t]`` is the variance that step t adds; ``alpha_bar[t]`` the product of (1 - beta) up to and with t
    (Ho et al. 2020, section 2). Raises ConfigError unless 0 < beta < 1 and alpha_bar falls strictly above 0. Only
    the last step may destroy the image completely, with beta 1 and alpha_bar 0: zero terminal SNR.
    """

    beta: Tensor
    alpha_bar: Tensor

    def __post_init__(self) -> None:
        if self.beta.dtype != torch.float64 or self.beta.ndim != 1 or len(self.beta) == 0:
            raise ConfigError(f"A schedule needs at least one beta in float64, not {tuple(self.beta.shape)}.")
        wrong = (self.beta <= 0) | (self.beta >= 1) | ~self.beta.isfinite()
        ends_in_noise = float(self.beta[-1]) == 1 and float(self.alpha_bar[-1]) == 0
        if ends_in_noise:
            wrong[-1] = False
        if bool(wrong.any()):
            t = int(wrong.nonzero()[0])
            raise ConfigError(
                f"beta[{t}] = {self.beta[t]:.6g} of T = {self.T} steps is not between 0 and 1. "
                "Choose another schedule, smaller betas or another T."
            )
        last = float(self.alpha_bar[-1].sqrt())
        if 0 < last < SMALLEST_FLOAT32:
            raise ConfigError(
                f"alpha_bar falls to {self.alpha_bar[-1]:.3g} over T = {self.T} steps, too little to compute with in "
                "float32. Choose smaller betas or another T, or zero terminal SNR if nothing is to be left."
            )
        falls = torch.cat([self.alpha_bar.new_ones(1), self.alpha_bar]).diff() < 0
        if not bool(falls.all()) or not (float(self.alpha_bar[-1]) > 0 or ends_in_noise):
            raise ConfigError(
                f"alpha_bar does not fall strictly to a value above 0 over T = {self.T} steps; it ends at "
                f"{self.alpha_bar[-1]:.3g}. Choose smaller betas or another T."
            )

    @property
    def T(self) -> int:
        """Number of diffusion steps."""
        return len(self.beta)

    @property
    def snr(self) -> Tensor:
        """Signal-to-noise ratio alpha_bar / (1 - alpha_bar), float64 [T] (Kingma et al. 2021, eq. 2)."""
        return self.alpha_bar / (1 - self.alpha_bar)

    def alpha_bar_before(self, t: int) -> float:
        """alpha_bar[t], and 1 for t = -1, the clean image."""
        return float(self.alpha_bar[t]) if t >= 0 else 1.0


def from_betas(beta: Tensor) -> Schedule:
    """The schedule of betas [T], computed in float64. Raises ConfigError where it is not a schedule."""
    beta = beta.double()
    return Schedule(beta, torch.cumprod(1 - beta, dim=0))


def linear(T: int, beta_start: float = 1e-4, beta_end: float = 0.02) -> Schedule:
    """Betas on a straight line (Ho et al. 2020, section 4).

    The ends are meant for T = 1000 and are scaled by 1000 / T, so that any T destroys the image about equally;
    where that would reach 1 (T of 20 or less, with the paper's ends) beta is capped.
    """
    return from_betas(_scaled(_line(beta_start, beta_end, T)))


def quadratic(T: int, beta_start: float = 1e-4, beta_end: float = 0.02) -> Schedule:
    """Betas whose square roots lie on a straight line; ends and T as for linear.

    "quad" in the code of Song et al. 2021 (DDIM). Latent diffusion calls the same curve with other ends, 0.00085
    and 0.012, "scaled linear" (Rombach et al. 2022).
    """
    return from_betas(_scaled(_line(beta_start**0.5, beta_end**0.5, T) ** 2))


def cosine(T: int, s: float = 0.008) -> Schedule:
    """alpha_bar follows a squared cosine (Nichol & Dhariwal 2021, eq. 17), betas capped as there."""
    u = torch.linspace(0, 1, T + 1, dtype=torch.float64)
    return from_alpha_bar(torch.cos((u + s) / (1 + s) * math.pi / 2) ** 2)


def sigmoid(T: int, start: float = -3.0, end: float = 3.0, tau: float = 1.0) -> Schedule:
    """alpha_bar follows a falling sigmoid (Jabri et al. 2022, algorithm 1 and figure 9; Chen 2023)."""
    u = torch.linspace(0, 1, T + 1, dtype=torch.float64)
    curve = torch.sigmoid((start + u * (end - start)) / tau)
    return from_alpha_bar((curve[-1] - curve) / (curve[-1] - curve[0]))


def from_alpha_bar(alpha_bar: Tensor) -> Schedule:
    """The schedule whose alpha_bar is proportional to a falling curve [T + 1] that begins at the clean image.

    Each beta is capped at MAX_BETA, since a curve that ends at 0 asks for a last beta of 1.
    """
    return from_betas((1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=MAX_BETA))


def with_zero_terminal_snr(schedule: Schedule) -> Schedule:
    """The schedule stretched until its last step is pure noise (Lin et al. 2024, algorithm 1).

    sqrt(alpha_bar) is shifted so that its last value is 0, and scaled so that its first stays what it was. With
    T = 1 the only step is pure noise.
    """
    root = schedule.alpha_bar.sqrt()
    shifted = root - root[-1]
    if schedule.T > 1:
        shifted = shifted * (root[0] / shifted[0])
    alpha_bar = shifted**2
    before = torch.cat([alpha_bar.new_ones(1), alpha_bar[:-1]])
    return Schedule(1 - alpha_bar / before, alpha_bar)


def build(config: DiffusionConfig) -> Schedule:
    """The schedule that a recipe names. Raises ConfigError where T and the betas do not make one."""
    schedule = _named(config)
    return with_zero_terminal_snr(schedule) if config.zero_terminal_snr else schedule


def _named(config: DiffusionConfig) -> Schedule:
    match config.schedule:
        case "linear":
            return linear(config.T, *config.beta_ends)
        case "quadratic" | "scaled-linear":
            return quadratic(config.T, *config.beta_ends)
        case "cosine":
            return cosine(config.T)
        case "sigmoid":
            return sigmoid(config.T)


def timesteps(T: int, n: int, spacing: Spacing = "trailing") -> list[int]:
    """The ``n`` timesteps that a sampler visits, falling strictly from at most T - 1 to at least 0.

    The spacings of Lin et al. 2024, table 2, in whole numbers, so that each is exact for every n from 1 to T.
    "trailing" begins at T - 1, where the noise is; "leading" ends at 0 and begins a whole stride below T;
    "linspace" does both, and with n = 1 begins at T - 1. Raises ConfigError for another n.
    """
    if not 1 <= n <= T:
        raise ConfigError(
            f"{n} denoising steps are not possible: the network was trained with T = {T}; use 1 to {T}."
        )
    match spacing:
        case "trailing":
            return [T * (n - i) // n - 1 for i in range(n)]
        case "leading":
            return [T * (n - 1 - i) // n for i in range(n)]
        case "linspace":
            gaps = max(1, n - 1)
            return [T - 1 - (2 * (T - 1) * i + gaps) // (2 * gaps) for i in range(n)]


def _line(start: float, end: float, T: int) -> Tensor:
    """T values from start to end; a single one is the end, since sampling begins at the noisiest step."""
    return torch.linspace(start if T > 1 else end, end, T, dtype=torch.float64)


def _scaled(beta_at_1000: Tensor) -> Tensor:
    return (beta_at_1000 * (1000 / len(beta_at_1000))).clamp(max=MAX_BETA)
