"""How the samples drawn while training are made, and what is stored beside them."""

from typing import Any

from ddpm.config import Config
from ddpm.images import columns_for
from ddpm.sample_config import SampleConfig


def preview_samples(config: Config) -> list[SampleConfig]:
    """How the previews of a step are drawn: from the averaged weights, and where asked for from the raw ones."""
    previews = config.previews
    averaged = SampleConfig(
        sampler=previews.sampler,
        steps=min(previews.steps, config.diffusion.T),
        n=previews.n,
        seed=previews.seed,
        guidance_scale=previews.guidance_scale,
    )
    raw = averaged.model_copy(update={"weights": "raw"})
    return [averaged, raw] if previews.raw else [averaged]


def preview_recipe(config: Config, sample: SampleConfig, step: int) -> dict[str, Any]:
    """What a preview of that step says of itself, as JSON: its grid and how it was drawn."""
    channels, height, width = config.data.shape
    recorded = {"n", "sampler", "steps", "seed", "guidance_scale", "weights"}
    return {
        "step": step,
        "columns": columns_for(sample.n),
        "channels": channels,
        "height": height,
        "width": width,
        **sample.model_dump(mode="json", include=recorded),
    }
