"""How much the loss of each timestep counts.

The errors of the three predictions for one x_t are the same error on different scales:

    |error of eps|^2 = snr |error of x_0|^2        |error of v|^2 = (snr + 1) |error of x_0|^2

so a weighting is stated once, for the squared error of eps, and carried over to the others. Written for x_0, "snr"
is snr, "min-snr" is min(snr, gamma), and "p2" is snr / (k + snr)^gamma; for v each is divided by snr + 1.
"""

import torch
from torch import Tensor

from ddpm.config import DiffusionConfig
from ddpm.schedules import Schedule


def loss_weights(config: DiffusionConfig, schedule: Schedule) -> Tensor:
    """The factor of the loss at every t, float64 [T], for what the recipe predicts; finite for every schedule.

    "none" counts every t alike, whatever is predicted. "snr" is the loss of Ho et al. 2020, eq. 14, written for
    each prediction: uniform on eps. "min-snr" is that of Hang et al. 2023 with ``min_snr_gamma``, "p2" that of
    Choi et al. 2022 with ``p2_k`` and ``p2_gamma``. The equivalence is exact for the squared error; with another
    distance the factors are the same.
    """
    snr = schedule.snr
    match config.loss_weight:
        case "none":
            return torch.ones_like(snr)
        case "snr":
            for_eps = torch.ones_like(snr)
        case "min-snr":
            for_eps = (config.min_snr_gamma / snr).clamp(max=1)
        case "p2":
            for_eps = (config.p2_k + snr) ** -config.p2_gamma
    match config.prediction:
        case "eps":
            return for_eps
        case "x_0":
            return for_eps * snr
        case "v":
            return for_eps * snr / (snr + 1)
