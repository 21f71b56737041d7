"""How images are drawn from a trained network, on request and while training."""

from typing import Literal

from pydantic import Field

from ddpm.config_values import Labels, PreviewEvery, SamplerName, Section, Seed, Spacing, Weights


class SampleConfig(Section):
    """How images are drawn from a trained network. Not part of a run's recipe: each drawing has its own."""

    sampler: SamplerName = Field("ddim", description="the way from noise to images")
    steps: int = Field(
        50, ge=1, description="denoising steps; at most the T that the network was trained with"
    )
    spacing: Spacing = Field("trailing", description="which timesteps are visited, with fewer steps than T")
    n: int = Field(64, ge=1, le=100_000, description="images")
    seed: Seed = Field(0, description="the same seed draws the same images")
    label: Labels = Field(
        (),
        description="class to draw, by name or number, or several in turn, as 3,5,8; none: of no class; "
        "by default every class in turn, if the network is told classes",
    )
    guidance_scale: float = Field(
        1.0, ge=0, le=100, description="how strongly the class is obeyed; 1: as learned, 0: not at all"
    )
    clip: Literal["static", "dynamic", "none"] = Field(
        "static",
        description="what keeps the expected image in range: clipping, dynamic thresholding, or nothing, which the "
        "cosine schedule does not bear with eps",
    )
    threshold_quantile: float | None = Field(
        None,
        gt=0,
        le=1,
        description="dynamic: share of an image's values that is kept in range; by default 0.995",
    )
    eta: float | None = Field(
        None,
        ge=0,
        le=1,
        description="share of the noise put back, 0 none, 1 as much as DDPM; by default 0 for ddim, "
        "1 for euler-ancestral and dpm++2m-sde; no other sampler has it",
    )
    variance: Literal["posterior", "beta", "learned"] | None = Field(
        None,
        description="DDPM: variance of a step's noise; by default learned if the network has it, else posterior",
    )
    weights: Weights = Field(
        "ema",
        description="averaged weights, or raw ones of the last step; or ema-0.9999, power-0.05 where the run stores "
        "such averages, or post-hoc-0.08 to make one of that length",
    )
    batch_size: int = Field(
        256, ge=1, description="images drawn at once, halved if memory ends; does not change them"
    )


class PreviewConfig(Section):
    """The samples drawn while training: always from the same noise, so that they can be compared."""

    every: PreviewEvery = Field(500, description="steps between two previews; 0: none")
    n: int = Field(16, ge=1, le=1024, description="images in one preview")
    sampler: SamplerName = Field("ddim", description="how they are drawn")
    steps: int = Field(25, ge=1, description="denoising steps; at most T")
    guidance_scale: float = Field(
        1.0, ge=0, le=100, description="how strongly the class is obeyed, in a class-conditional run"
    )
    seed: Seed = Field(0, description="seed of the noise that they start from")
    raw: bool = Field(
        False, description="draw a second preview from the raw weights of the last step, from the same noise"
    )
