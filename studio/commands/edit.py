"""``ddpm-studio edit``: interpolate between two pictures, vary one, or paint a part of one anew."""

import argparse
from pathlib import Path

from studio.command_parser import place_options
from studio.commands.drawing_commands import (
    add_drawing_options,
    add_network_option,
    drawing_name,
    finished,
    folder_for,
    network_and_recipe,
)
from studio.edits import EDITS, read_pictures, told


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

    from ddpm.generate import save_images

    pictures = read_pictures(arguments.edit, paths, network.config.data.shape)
    images = finished(edit.draw(network, recipe, pictures))
    name = "-".join([arguments.edit, *(path.stem for path in paths), drawing_name(network.step, recipe)])
    out = folder_for(arguments, name)
    grid = save_images(
        images, out, told(arguments.edit, [str(path) for path in paths], network, recipe), "edit.json"
    )
    print(f"{recipe.n} images of step {network.step} in {out}\ngrid: {grid}")
    return 0
