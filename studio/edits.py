"""The kinds of edits: which pictures each takes, what its recipe is, and how it draws."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddpm.edit_recipe import ImageConfig, InpaintConfig, InterpolateConfig, fitted_edit
from ddpm.sample_config import SampleConfig

if TYPE_CHECKING:
    from torch import Tensor

    from ddpm.generate import Drawing, Network


@dataclass(frozen=True)
class Edit:
    """A kind of edit. ``draw`` takes the network, the recipe and the pictures that ``read_pictures`` gives."""

    pictures: dict[str, str]
    recipe: type[SampleConfig]
    help: str
    draw: "Callable[[Network, Any, Sequence[Tensor]], Iterator[Drawing]]"


def read_pictures(name: str, paths: Sequence[Path], shape: tuple[int, int, int]) -> "list[Tensor]":
    """The pictures of an edit as a network of shape (C, H, W) sees them, its mask [1, H, W]. Raises PictureError."""
    import torch

    from ddpm.picture_file import read_mask, read_picture

    if name != "inpaint":
        return [torch.tensor(read_picture(path, shape)) for path in paths]
    picture, mask = paths
    image = torch.tensor(read_picture(picture, shape))
    return [image, torch.tensor(read_mask(mask, picture, shape[1:]))]


def told(name: str, pictures: Sequence[str], network: "Network", recipe: SampleConfig) -> dict[str, Any]:
    """Everything needed to make the same edit again, as JSON."""
    from ddpm.generate import recipe_of

    return {
        "edit": name,
        "pictures": list(pictures),
        **recipe_of(network, fitted_edit(recipe, network.config)),
    }


def _interpolate(
    network: "Network", recipe: InterpolateConfig, pictures: "Sequence[Tensor]"
) -> "Iterator[Drawing]":
    from ddpm import edit

    return edit.interpolate(network, recipe, pictures[0], pictures[1])


def _vary(network: "Network", recipe: ImageConfig, pictures: "Sequence[Tensor]") -> "Iterator[Drawing]":
    from ddpm import edit

    return edit.image_to_image(network, recipe, pictures[0])


def _inpaint(network: "Network", recipe: InpaintConfig, pictures: "Sequence[Tensor]") -> "Iterator[Drawing]":
    from ddpm import edit

    return edit.inpaint(network, recipe, pictures[0], pictures[1])


EDITS = {
    "interpolate": Edit(
        {"a": "the picture to begin with", "b": "the picture to end with"},
        InterpolateConfig,
        "draw images on the way from one picture to another",
        _interpolate,
    ),
    "image": Edit({"picture": "the picture to vary"}, ImageConfig, "draw variations of a picture", _vary),
    "inpaint": Edit(
        {"picture": "the picture", "mask": "a picture of its size, white where to paint"},
        InpaintConfig,
        "paint a part of a picture anew",
        _inpaint,
    ),
}
