"""The recipes of edits: how images are drawn, and what is done to those that are given."""

from typing import Literal

from pydantic import Field, field_validator

from ddpm.config import Config
from ddpm.config_values import Labels, SamplerName
from ddpm.sample_config import SampleConfig
from ddpm.sample_recipe import NO_CLASS, Sample, fitted


class InterpolateConfig(SampleConfig):
    """Images on the way from one to another."""

    n: int = Field(9, ge=2, le=100_000, description="images, with the two ends")
    label: Labels = Field(
        (),
        description="class that all the images have, by name or number; by default the network is not told",
    )
    encode: Literal["inversion", "noising"] = Field(
        "inversion", description="how images become noise: by DDIM run backwards, or by adding noise"
    )
    strength: float = Field(
        1.0, gt=0, le=1, description="share of the steps that is gone back; less stays nearer to both images"
    )
    iterations: int = Field(
        3,
        ge=1,
        le=1000,
        description="inversion: calls for each step back; more find an end again more exactly",
    )

    @field_validator("label")
    @classmethod
    def _one_class(cls, label: tuple[str, ...]) -> tuple[str, ...]:
        if len(label) > 1:
            raise ValueError(
                f"{','.join(label)} are {len(label)} classes, but all images here have one; name one"
            )
        return label


class ImageConfig(SampleConfig):
    """Variations of an image."""

    n: int = Field(8, ge=1, le=100_000, description="images")
    label: Labels = Field(
        (),
        description="class to draw, by name or number, or several, as 3,5,8; by default the network is not told",
    )
    strength: float = Field(
        0.5, ge=0, le=1, description="how much is drawn anew; 0: nothing, 1: everything, as if sampling"
    )


class InpaintConfig(SampleConfig):
    """A part of an image painted anew."""

    n: int = Field(8, ge=1, le=100_000, description="images")
    label: Labels = Field(
        (),
        description="class to draw, by name or number, or several, as 3,5,8; by default the network is not told",
    )
    sampler: SamplerName = Field("ddpm", description="the way from noise to images")
    jump_length: int = Field(
        5,
        ge=1,
        le=100_000,
        description="steps that are gone back to let the new part grow together with the old",
    )
    resample: int = Field(
        5, ge=1, le=1000, description="times that each such stretch is gone through; 1: without going back"
    )


def fitted_edit(edit: Sample, config: Config) -> Sample:
    """``fitted``, but a network that is told classes is told none unless the recipe names one."""
    told = edit.label or ((NO_CLASS,) if config.num_classes else ())
    return fitted(edit.model_copy(update={"label": told}), config)
