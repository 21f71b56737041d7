"""The variational bound on the log-likelihood, in bits per dimension.

Ho et al. 2020, eq. 5, with t counted from 0: a prior term, one KL divergence for every step t = 1 ... T - 1, and at
t = 0 the decoder, a normal density summed over the 8-bit level of each value (their section 3.3). A step back
p(x_{t-1} | x_t) has the mean of q_posterior for the x_0 that is expected, and one of the variances below.
"""

import math
from typing import Literal

import torch
from torch import Tensor

from ddpm.diffusion import Gaussian, at, posterior_variance, q_posterior
from ddpm.schedules import Schedule

# Half the distance of two of the 256 levels in [-1, 1].
HALF_LEVEL = 1 / 255


def decodable_posterior_variance(schedule: Schedule) -> Tensor:
    """posterior_variance, float64 [T], but at t = 0, where that is 0, its value at t = 1 (with T = 1: beta).

    Nichol & Dhariwal 2021 do so, as the decoder needs a width and the logarithm a value.
    """
    variance = posterior_variance(schedule).clone()
    variance[0] = variance[1] if schedule.T > 1 else schedule.beta[0]
    return variance


def fixed_variance(schedule: Schedule, name: Literal["posterior", "beta"]) -> Tensor:
    """The variance of a step back that nothing has learned, float64 [T]: that of the posterior, or beta.

    At t = 0 both are the posterior's at t = 1, the narrower decoder, as in Nichol & Dhariwal 2021.
    """
    posterior = decodable_posterior_variance(schedule)
    return posterior if name == "posterior" else torch.cat([posterior[:1], schedule.beta[1:]])


def learned_variance(schedule: Schedule, t: Tensor, interpolation: Tensor) -> Tensor:
    """The variance that a network predicts, [B, C, H, W] (Nichol & Dhariwal 2021, eq. 15).

    ``interpolation`` is what the network gives: between -1 and 1 it moves the logarithm of the variance from that
    of the posterior to that of beta.
    """
    fraction = (interpolation + 1) / 2
    low = at(decodable_posterior_variance(schedule).log(), t, interpolation)
    high = at(schedule.beta.log(), t, interpolation)
    return (fraction * high + (1 - fraction) * low).exp()


def normal_kl(q: Gaussian, p: Gaussian) -> Tensor:
    """KL(q || p) of every value, in nats, [B, C, H, W]."""
    ratio = q.variance / p.variance
    return 0.5 * (ratio - 1 - ratio.log() + (q.mean - p.mean) ** 2 / p.variance)


def discretized_log_likelihood(x_0: Tensor, p: Gaussian) -> Tensor:
    """The logarithm of the probability of every value's 8-bit level, in nats, [B, C, H, W] (Ho et al. 2020, eq. 13).

    x_0 holds 8-bit levels as floats in [-1, 1]. The lowest level takes all that lies below it and the highest all
    above, so that the 256 probabilities sum to 1. Exact far into the tails, where a difference of two cumulative
    probabilities would be 0.
    """
    deviation = p.variance.sqrt()
    lower = ((x_0 - HALF_LEVEL - p.mean) / deviation).masked_fill(x_0 < -1 + HALF_LEVEL, -math.inf)
    upper = ((x_0 + HALF_LEVEL - p.mean) / deviation).masked_fill(x_0 > 1 - HALF_LEVEL, math.inf)
    # The normal density is symmetric: levels above the mean are mirrored to the side where the tail keeps digits.
    above = lower > 0
    lower, upper = torch.where(above, -upper, lower), torch.where(above, -lower, upper)
    log_lower, log_upper = _log_cumulative(lower), _log_cumulative(upper)
    log_probability: Tensor = log_upper + torch.log(-torch.expm1(log_lower - log_upper))
    return log_probability


def _log_cumulative(x: Tensor) -> Tensor:
    """The logarithm of the standard normal distribution function."""
    # MPS has no log_ndtr.
    log_cumulative: Tensor = torch.special.log_ndtr(x.cpu() if x.device.type == "mps" else x)
    return log_cumulative.to(x.device)


def vlb_terms(schedule: Schedule, x_0: Tensor, x_t: Tensor, t: Tensor, p: Gaussian) -> Tensor:
    """Each image's term of the bound at its t, bits per dimension [B], for a step back p(x_{t-1} | x_t).

    Summed over t = 0 ... T - 1, together with prior_term, they are the bound.
    """
    mean = q_posterior(schedule, x_0, x_t, t).mean
    q = Gaussian(mean, at(decodable_posterior_variance(schedule), t, x_t))
    is_decoder = (t == 0).view(-1, *[1] * (x_0.ndim - 1))
    return _bits(torch.where(is_decoder, -discretized_log_likelihood(x_0, p), normal_kl(q, p)))


def prior_term(schedule: Schedule, x_0: Tensor) -> Tensor:
    """KL(q(x_{T-1} | x_0) || N(0, I)) of each image, bits per dimension [B]: what the last step leaves visible."""
    alpha_bar = schedule.alpha_bar[-1]
    q = Gaussian(alpha_bar.sqrt().to(x_0) * x_0, (1 - alpha_bar).to(x_0))
    return _bits(normal_kl(q, Gaussian(torch.zeros_like(x_0), torch.ones_like(x_0))))


def _bits(nats: Tensor) -> Tensor:
    return nats.flatten(1).mean(dim=1) / math.log(2)
