"""What to measure of a trained network, and how. Needs no torch."""

from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field

from ddpm.config_values import Section, Seed, Weights

Metric = Literal["loss", "bpd"]
StepVariance = Literal["posterior", "beta", "learned"]


def _metrics(value: object) -> object:
    """Let a command line write ``loss,bpd``, and say which metrics there are."""
    names = tuple(value.replace(" ", "").split(",")) if isinstance(value, str) else value
    known = get_args(Metric)
    unknown = [name for name in names if name not in known] if isinstance(names, tuple | list) else []
    if unknown:
        raise ValueError(f"there is no metric {unknown[0]!r}; name one or more of {','.join(known)}")
    return names


class EvaluationConfig(Section):
    """What to measure of a trained network. Not part of a run's recipe: each evaluation has its own."""

    metrics: Annotated[tuple[Metric, ...], BeforeValidator(_metrics), Field(min_length=1)] = Field(
        ("loss", "bpd"),
        description="what to measure: the loss by timestep, the variational bound in bits/dim",
    )
    n: int = Field(1000, ge=1, description="images, drawn from the set by the seed; all of a smaller set")
    seed: Seed = Field(0, description="the same seed chooses the same images, timesteps and noise")
    batch_size: int = Field(256, ge=1, description="images measured at once")
    weights: Weights = Field("ema", description="which weights, as they are named for drawing")
    bins: int = Field(
        10, ge=1, description="equal ranges of timesteps whose losses are told apart; at most T"
    )
    variance: StepVariance | None = Field(
        None,
        description="bits/dim: variance of a step back; by default learned where the network has learned it, "
        "else that of the posterior",
    )
