"""``ddpm-studio edit``: interpolate between two pictures, vary one, or paint a part of one anew."""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddpm.edit_recipe import ImageConfig, InpaintConfig, InterpolateConfig, fitted_edit
from ddpm.sample_config import SampleConfig
from studio.command_parser import place_options
from studio.commands.drawing_commands import (
    add_drawing_options,
    add_network_option,
    drawing_name,
    finished,
    folder_for,
    network_and_recipe,
)

if TYPE_CHECKING:
    from torch import Tensor

    from ddpm.generate import Drawing, Network


@dataclass(frozen=True)
class Edit:
    """A kind of edit: what it takes, and what its options mean."""

    pictures: dict[str, str]
    recipe: type[SampleConfig]
    help: str
    draw: Callable[["Network", Any, list[Path]], Iterator["Drawing"]]


def add_options(parser: argparse.ArgumentParser) -> None:
    """The kinds of ``edit``, each with its options."""
    kinds = parser.add_subparsers(dest="edit", metavar="EDIT", required=True)
    for name, edit in EDITS.items():
        kind = kinds.add_parser(
            name,
            parents=[place_options()],
            allow_abbrev=False,
            help=edit.help,
            description=f"{edit.help.capitalize()}.",
        )
        add_network_option(kind)
        for picture, words in edit.pictures.items():
            kind.add_argument(picture, metavar=picture.upper(), type=Path, help=words)
        add_drawing_options(kind, edit.recipe)


def command(arguments: argparse.Namespace) -> int:
    """Edit, save, and say where; returns the exit code."""
    edit = EDITS[arguments.edit]
    network, recipe = network_and_recipe(arguments, edit.recipe)
    paths: list[Path] = [getattr(arguments, picture) for picture in edit.pictures]

    from ddpm.generate import recipe_of, save_images

    images = finished(edit.draw(network, recipe, paths))
    name = "-".join([arguments.edit, *(path.stem for path in paths), drawing_name(network.step, recipe)])
    out = folder_for(arguments, name)
    told = {
        "edit": arguments.edit,
        "pictures": [str(path) for path in paths],
        **recipe_of(network, fitted_edit(recipe, network.config)),
    }
    grid = save_images(images, out, told, "edit.json")
    print(f"{recipe.n} images of step {network.step} in {out}\ngrid: {grid}")
    return 0


def _interpolate(network: "Network", recipe: InterpolateConfig, paths: list[Path]) -> Iterator["Drawing"]:
    from ddpm import edit

    a, b = (_picture(network, path) for path in paths)
    return edit.interpolate(network, recipe, a, b)


def _vary(network: "Network", recipe: ImageConfig, paths: list[Path]) -> Iterator["Drawing"]:
    from ddpm import edit

    return edit.image_to_image(network, recipe, _picture(network, paths[0]))


def _inpaint(network: "Network", recipe: InpaintConfig, paths: list[Path]) -> Iterator["Drawing"]:
    import torch

    from ddpm import edit
    from ddpm.picture_file import read_mask

    picture, mask = paths
    _, height, width = network.config.data.shape
    image = _picture(network, picture)
    return edit.inpaint(network, recipe, image, torch.tensor(read_mask(mask, picture, (height, width))))


def _picture(network: "Network", path: Path) -> "Tensor":
    import torch

    from ddpm.picture_file import read_picture

    return torch.tensor(read_picture(path, network.config.data.shape))


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
