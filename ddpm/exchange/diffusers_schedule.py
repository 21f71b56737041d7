"""The noise schedule of a recipe as the json of a diffusers scheduler, and back."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from ddpm import schedules
from ddpm.config import DiffusionConfig
from ddpm.errors import ConfigError, ExchangeError

PREDICTIONS = {"eps": "epsilon", "x_0": "sample", "v": "v_prediction"}

# Their names of our curves, of which scaled-linear is quadratic with other ends. Their sigmoid is another one: it is
# beta that follows it, not alpha_bar.
CURVES = {
    "linear": "linear",
    "scaled-linear": "scaled_linear",
    "quadratic": "scaled_linear",
    "cosine": "squaredcos_cap_v2",
}


def scheduler_json(config: DiffusionConfig) -> dict[str, Any]:
    """A DDPMScheduler that samples as ``ddpm.samplers.ddpm`` does.

    It goes by the betas of the recipe, one by one; where its curve has a name there, that is said too, for readers.
    """
    named: dict[str, Any] = {}
    if config.schedule in CURVES:
        start, end = (end_at_1000 * 1000 / config.T for end_at_1000 in config.beta_ends)
        named = {"beta_schedule": CURVES[config.schedule], "beta_start": start, "beta_end": end}
    return {
        "_class_name": "DDPMScheduler",
        "num_train_timesteps": config.T,
        "trained_betas": schedules.build(config).beta.tolist(),
        **named,
        "prediction_type": PREDICTIONS[config.prediction],
        "variance_type": "learned_range" if config.variance == "learned" else "fixed_small",
        "clip_sample": True,
        "clip_sample_range": 1.0,
        # Of their three spacings the one that ends at both ends and never makes a step too many.
        "timestep_spacing": "linspace",
    }


def diffusion_values(scheduler: Mapping[str, Any], *, learned_variance: bool) -> dict[str, Any]:
    """The diffusion section of a recipe from a scheduler's json.

    Raises ExchangeError where its betas, its prediction or its variance are none that a recipe can name.
    """
    if "beta_schedule" not in scheduler and "trained_betas" not in scheduler:
        raise ExchangeError(
            f"The scheduler, a {scheduler.get('_class_name')}, has no betas, as those of DDPM have."
        )
    # predict_epsilon is what early versions said instead.
    early = "sample" if scheduler.get("predict_epsilon") is False else "epsilon"
    prediction = scheduler.get("prediction_type", early)
    known = {theirs: ours for ours, theirs in PREDICTIONS.items()}
    if prediction not in known:
        raise ExchangeError(
            f"The scheduler's prediction_type is {prediction!r}, not one of {', '.join(known)}."
        )
    variance_type = scheduler.get("variance_type", "fixed_small")
    if learned_variance and variance_type != "learned_range":
        raise ExchangeError(
            f"The U-Net predicts a variance that the scheduler reads as {variance_type!r}; only 'learned_range' "
            "can be taken in."
        )
    beta = _betas(scheduler)
    candidates = list(_candidates(beta, scheduler))
    schedule = min(candidates, key=lambda candidate: _error(candidate, beta))
    if _error(schedule, beta) > 1e-3:
        raise ExchangeError(
            f"The scheduler's {len(beta)} betas, from {beta[0]:.3g} to {beta[-1]:.3g}, follow none of the schedules "
            "that a recipe can name: linear, quadratic, cosine or sigmoid, with or without zero terminal SNR."
        )
    return {
        "T": len(beta),
        **schedule,
        "prediction": known[prediction],
        "variance": "learned" if learned_variance else "fixed",
    }


def _betas(scheduler: Mapping[str, Any]) -> Tensor:
    """The betas that a scheduler works with, float64 [T]."""
    T = int(scheduler.get("num_train_timesteps", 1000))
    start, end = float(scheduler.get("beta_start", 1e-4)), float(scheduler.get("beta_end", 0.02))
    curve = scheduler.get("beta_schedule", "linear")
    if scheduler.get("trained_betas") is not None:
        beta = torch.tensor(scheduler["trained_betas"], dtype=torch.float64)
    elif curve == "linear":
        beta = torch.linspace(start, end, T, dtype=torch.float64)
    elif curve == "scaled_linear":
        beta = torch.linspace(start**0.5, end**0.5, T, dtype=torch.float64) ** 2
    elif curve == "squaredcos_cap_v2":
        beta = schedules.cosine(T).beta
    else:
        raise ExchangeError(f"The scheduler's beta_schedule is {curve!r}, which no recipe can name.")
    if scheduler.get("rescale_betas_zero_snr"):
        beta = schedules.with_zero_terminal_snr(schedules.from_betas(beta)).beta
    return beta


def _candidates(beta: Tensor, scheduler: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The schedules of a recipe that may have these betas: the one that is named, then what they look like."""
    T = len(beta)
    rescaled = {"zero_terminal_snr": float(beta[-1]) == 1}
    known = {theirs: ours for ours, theirs in CURVES.items()}
    named = known.get(scheduler.get("beta_schedule", "linear"))
    if named in ("linear", "quadratic"):
        ends = float(scheduler.get("beta_start", 1e-4)), float(scheduler.get("beta_end", 0.02))
        yield {"schedule": named, **_ends(*ends, T), **rescaled}
    yield {"schedule": "cosine", **rescaled}
    yield {"schedule": "sigmoid", **rescaled}
    # A straight line through the first beta and the last one that is not capped.
    k = max(0, int((beta < schedules.MAX_BETA * 0.9999).sum()) - 1)
    for curve, power in (("linear", 1), ("quadratic", 2)):
        root = beta ** (1 / power)
        last = root[0] + (root[k] - root[0]) / max(1, k) * (T - 1)
        yield {"schedule": curve, **_ends(float(beta[0]), float(last**power), T), **rescaled}


def _error(schedule: dict[str, Any], beta: Tensor) -> float:
    """How far the betas of a schedule are from these, relative to them; infinite where it is not a schedule.

    Betas are usually kept, and sometimes rescaled, in float32: what that explains counts as nothing, so that the
    first of several that fit is taken.
    """
    try:
        found = schedules.build(DiffusionConfig(T=len(beta), prediction="x_0", **schedule)).beta
    except (ConfigError, ValueError):
        return math.inf
    error = float(((found - beta).abs() / (beta + 1e-3)).max())
    return error if error > 1e-6 else 0.0


def _ends(start: float, end: float, T: int) -> dict[str, float]:
    """Ends as a recipe has them, meant for T = 1000, without the last digits that the scaling leaves."""
    return {"beta_start": float(f"{start * T / 1000:.12g}"), "beta_end": float(f"{end * T / 1000:.12g}")}
