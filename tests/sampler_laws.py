"""What the tests of samplers share: a denoiser, noises in order, and Gaussian data, of which all is known.

For data N(mean, covariance) the best denoiser is a linear function of x_t. A sampler is then one too, of x_T and of
its noises, so that mean and covariance of what it draws are computed, not estimated.
"""

from dataclasses import dataclass

import torch

from ddpm import diffusion, schedules

SHAPE = (2, 3, 4, 5)


def eps_of(x_t, t):
    """Some smooth function of both arguments, so that a wrong t or x_t shows."""
    return torch.tanh(x_t * 0.7 + 0.01 * t.view(-1, 1, 1, 1).to(x_t))


def denoiser_of(schedule, eps_of=eps_of):
    """The x_0 that a prediction of the noise implies."""
    return lambda x_t, t: diffusion.x_0_from_eps(schedule, x_t, t, eps_of(x_t, t))


class Tape:
    """The same noises for both sides, in order."""

    def __init__(self, seed, shape=SHAPE):
        self.generator = torch.Generator().manual_seed(seed)
        self.shape = shape

    def __call__(self):
        return torch.randn(self.shape, dtype=torch.float64, generator=self.generator)


def start(seed=9):
    return Tape(seed)()


def smooth_schedule(T, end=0.97):
    """sigma / alpha is a tangent: its logarithm and itself are smooth in t, and neither end is extreme."""
    u = torch.linspace(0, 1, T + 1, dtype=torch.float64)
    return schedules.from_alpha_bar(torch.cos(u * end * torch.pi / 2) ** 2)


@dataclass(frozen=True, eq=False)
class GaussianData:
    """Images [1, 1, d] from N(mean [d], covariance [d, d])."""

    mean: torch.Tensor
    covariance: torch.Tensor

    @property
    def d(self):
        return len(self.mean)

    def denoiser(self, schedule):
        """E[x_0 | x_t] = mean + alpha covariance (alpha^2 covariance + sigma^2)^-1 (x_t - alpha mean)."""

        def optimal(x_t, t):
            alpha_bar = schedule.alpha_bar[t[0]]
            noisy = alpha_bar * self.covariance + (1 - alpha_bar) * torch.eye(self.d, dtype=torch.float64)
            gain = alpha_bar.sqrt() * self.covariance @ torch.linalg.inv(noisy)
            return self.mean + (x_t - alpha_bar.sqrt() * self.mean) @ gain.T

        return optimal

    def noised_to(self, alpha_bar):
        """Mean and covariance of x_t."""
        eye = torch.eye(self.d, dtype=torch.float64)
        return alpha_bar**0.5 * self.mean, alpha_bar * self.covariance + (1 - alpha_bar) * eye

    def flow(self, schedule, x_t, t, t_prev=-1):
        """Where the probability flow leads from x_t: along each principal axis at the same share of the deviation."""
        before, after = (self.noised_to(schedule.alpha_bar_before(at)) for at in (t, t_prev))
        axes = torch.linalg.eigh(self.covariance).eigenvectors
        grown = [torch.diagonal(axes.T @ covariance @ axes).sqrt() for _, covariance in (before, after)]
        return after[0] + (x_t - before[0]) @ axes * (grown[1] / grown[0]) @ axes.T


CORRELATED = GaussianData(
    torch.tensor([0.4, -0.2, 0.1], dtype=torch.float64),
    torch.tensor([[0.30, 0.12, 0.02], [0.12, 0.20, -0.05], [0.02, -0.05, 0.08]], dtype=torch.float64),
)


class OneByOne:
    """Noise in which row 0 is 0 and each further row holds a single 1: a linear sampler's answer, entry by entry.

    Row 1 + i moves entry i of x_T, row 1 + d (1 + k) + i entry i of the noise of the call k.
    """

    def __init__(self, d, calls):
        self.rows, self.d, self.call = 1 + d * (1 + calls), d, 0

    def __call__(self):
        unit = torch.zeros(self.rows, 1, 1, self.d, dtype=torch.float64)
        first = 1 + self.d * self.call
        unit[first : first + self.d, 0, 0] = torch.eye(self.d, dtype=torch.float64)
        self.call += 1
        return unit


def drawn_distribution(sampler, denoiser, schedule, timesteps, d):
    """Mean [d] and covariance [d, d] of what a sampler with a linear denoiser draws from standard normal noise."""
    noise = OneByOne(d, len(timesteps))
    *_, last = sampler(denoiser, schedule, noise(), timesteps, noise)
    rows = last.x_t[:, 0, 0]
    moved = rows[1:] - rows[0]
    return rows[0], moved.T @ moved
