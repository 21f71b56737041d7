"""``ddpm-studio import``: a pipeline of diffusers as a run of one's own."""

import argparse
from pathlib import Path

from ddpm.errors import WrongPlaceError
from ddpm.runs import check_name
from ddpm.runs_root import free_name
from ddpm.tensor_files import WHY_NOT_A_PICKLE, is_pickle
from studio.home import data_root, home_directory, runs_root
from studio.networks import SUFFIX


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``import``."""
    parser.add_argument(
        "folder", metavar="DIR", help="the folder of a DDPMPipeline, as save_pretrained writes it"
    )
    parser.add_argument("--name", help="name of the new run (default: made from the folder's)")
    parser.add_argument(
        "--data", metavar="DATA", help="the data set to train it on: a name, or a folder of images"
    )


def command(arguments: argparse.Namespace) -> int:
    """Take the pipeline in, and say what can be done with it; returns the exit code."""
    home = home_directory(arguments.home)
    root = runs_root(home)
    folder = Path(arguments.folder).expanduser().absolute()
    if is_pickle(folder):
        raise WrongPlaceError(f"{folder} {WHY_NOT_A_PICKLE}.")
    if folder.suffix == SUFFIX and folder.is_file():
        raise WrongPlaceError(
            f"{folder} is a file, and import takes the folder of a pipeline. If ddpm-studio export wrote it, draw from "
            f"it as it is: ddpm-studio sample {folder}"
        )
    name = arguments.name or free_name(root, folder.name)
    check_name(name)

    from ddpm.exchange.diffusers_folder import read_pipeline
    from ddpm.exchange.imported_run import import_run, imported_recipe

    pipeline = read_pipeline(folder)
    config = imported_recipe(pipeline, arguments.data, data_root(home, arguments.data_root))
    run = import_run(root, name, config, pipeline, folder)
    print(f"{folder} is the run {run.name} now\ndraw from it: ddpm-studio sample {run.name}")
    if arguments.data:
        print(f"train it on: ddpm-studio train --resume {run.name}")
    else:
        print(f"to train it on, import it with --data DATA, or name data.source in {run.config_path}")
    return 0
