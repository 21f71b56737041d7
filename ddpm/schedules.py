"""Noise schedules: float64 tables of beta and what follows from it, and which timesteps a sampler visits.

t runs from 0 to T - 1 everywhere; t = 0 is the first, smallest noise, so alpha_bar[0] < 1.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ddpm.config import DiffusionConfig
from ddpm.errors import ConfigError

# The largest beta of a schedule that would otherwise reach 1; the value of Nichol & Dhariwal 2021, section 3.2.
MAX_BETA = 0.999


@dataclass(frozen=True, eq=False)
class Schedule:
    """Tables over t, each float64 [T].

    ``beta[t]`` is the variance that step t adds; ``alpha_bar[t]`` the product of (1 - beta) up to and with t
    (Ho et al. 2020, section 2). Raises ConfigError unless 0 < beta < 1 and alpha_bar falls strictly above 0.
    """

    beta: Tensor
    alpha_bar: Tensor

    def __post_init__(self) -> None:
        if self.beta.dtype != torch.float64 or self.beta.ndim != 1 or len(self.beta) == 0:
            raise ConfigError(f"A schedule needs at least one beta in float64, not {tuple(self.beta.shape)}.")
        wrong = ((self.beta <= 0) | (self.beta >= 1) | ~self.beta.isfinite()).nonzero()
        if len(wrong):
            t = int(wrong[0])
            raise ConfigError(
                f"beta[{t}] = {self.beta[t]:.6g} of T = {self.T} steps is not between 0 and 1. "
                "Choose another schedule, smaller betas or another T."
            )
        falls = torch.cat([self.alpha_bar.new_ones(1), self.alpha_bar]).diff() < 0
        if not bool(falls.all()) or not float(self.alpha_bar[-1]) > 0:
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
    return from_betas(_scaled(torch.linspace(beta_start, beta_end, T, dtype=torch.float64)))


def quadratic(T: int, beta_start: float = 1e-4, beta_end: float = 0.02) -> Schedule:
    """Betas whose square roots lie on a straight line; ends and T as for linear.

    The schedule of Song et al. 2021 (DDIM, appendix D), called "scaled linear" in latent diffusion.
    """
    return from_betas(_scaled(torch.linspace(beta_start**0.5, beta_end**0.5, T, dtype=torch.float64) ** 2))


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


def build(config: DiffusionConfig) -> Schedule:
    """The schedule that a recipe names. Raises ConfigError where T and the betas do not make one."""
    match config.schedule:
        case "linear":
            return linear(config.T, config.beta_start, config.beta_end)
        case "quadratic":
            return quadratic(config.T, config.beta_start, config.beta_end)
        case "cosine":
            return cosine(config.T)
        case "sigmoid":
            return sigmoid(config.T)


def timesteps(T: int, n: int) -> list[int]:
    """The ``n`` timesteps that a sampler visits, falling strictly from T - 1 to at least 0.

    "Trailing" spacing (Lin et al. 2024, table 2), in whole numbers, so that it is exact for every n from 1 to T.
    Raises ConfigError for another n.
    """
    if not 1 <= n <= T:
        raise ConfigError(
            f"{n} denoising steps are not possible: the network was trained with T = {T}; use 1 to {T}."
        )
    return [T * (n - i) // n - 1 for i in range(n)]


def _scaled(beta_at_1000: Tensor) -> Tensor:
    return (beta_at_1000 * (1000 / len(beta_at_1000))).clamp(max=MAX_BETA)
