"""The command line. Nothing heavy is imported before a subcommand needs it."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ddpm.errors import DDPMError, UsageError
from ddpm.version import __version__
from studio.command_parser import CommandParser, place_options
from studio.launch import add_looks, open_app

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130


@dataclass(frozen=True)
class Command:
    """A subcommand: what it is for, and the module of studio.commands that does it, imported when it is asked for."""

    module_name: str
    help: str
    description: str

    def module(self) -> Any:
        """The module, with its ``add_options`` and ``command``."""
        return import_module(f"studio.commands.{self.module_name}")


COMMANDS = {
    "train": Command("train", "train a model, or resume a run", "Train a model."),
    "attach": Command(
        "attach",
        "watch and control a run that another process trains",
        "Open the app in the monitor of a run, such as one that was started with train --detach.",
    ),
    "tell": Command(
        "tell",
        "pause, stop or change a run that some process trains",
        "Send a command to the process that trains a run: tell RUN pause, tell RUN lr 0.0005, ...",
    ),
    "sample": Command("sample", "draw images from a run", "Draw images from a run."),
    "export": Command(
        "export",
        "write a trained network to a file, or to a folder for diffusers",
        "Write a trained network to a file of its own, or to a folder for diffusers.",
    ),
    "import": Command(
        "import_pipeline",
        "make a run of a diffusers pipeline",
        "Make a run of a diffusers DDPM pipeline, to draw from it or train it on.",
    ),
    "evaluate": Command(
        "evaluate",
        "measure a run: its loss by timestep, bits per dimension",
        "Measure a run on the images that it holds out, or on its training images if it holds out none.",
    ),
    "edit": Command(
        "edit",
        "interpolate between pictures, vary one, or paint a part of one anew",
        "Make images of pictures with the network of a run.",
    ),
    "data": Command(
        "data",
        "list the data sets, or look at one",
        "List the data sets that have names, or say what one of them or a folder holds.",
    ),
    "runs": Command(
        "runs",
        "list the runs",
        "List the runs: what each is trained on, how far it is, its loss and its newest checkpoint.",
    ),
    "settings": Command(
        "settings",
        "show where the settings are, and what each means",
        "Show where the settings are, and every one with its meaning and its default, as TOML to save there.",
    ),
    "branch": Command(
        "branch",
        "make a new run that begins at a checkpoint of another one",
        "Make a new run with the recipe of another one, that begins at one of its checkpoints.",
    ),
    "rename": Command("rename", "give a run another name", "Give a run another name."),
    "delete": Command("delete", "remove a run for good", "Remove a run for good, after asking."),
    "doctor": Command(
        "doctor",
        "look at this machine and every run, and say how to mend what is wrong",
        "Look at Python, torch, devices, the terminal, the disk and every run.",
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``ddpm-studio``; returns the exit code: 0 done, 1 failed, 2 wrong usage, 128 + n ended by signal n."""
    # Given here rather than as defaults, which a subcommand's parser would put in place of what was said before it.
    given_before = argparse.Namespace(home=None, data_root=None)
    try:
        return dispatch(build_parser(argv).parse_args(argv, given_before))
    except DDPMError as error:
        print(f"ddpm-studio: {error}", file=sys.stderr)
        return WRONG_USAGE if isinstance(error, UsageError) else FAILED
    except KeyboardInterrupt:
        print("ddpm-studio: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader left (`| head`): no error, but Python would complain again when it flushes stdout at exit.
        sys.stderr.close()
        return FAILED


def dispatch(arguments: argparse.Namespace) -> int:
    """Hand over to the subcommand, or open the app."""
    if arguments.command is None:
        return open_app(arguments)
    code: int = COMMANDS[arguments.command].module().command(arguments)
    return code


def build_parser(argv: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """The parser of all subcommands. The options of a subcommand that is not in ``argv`` are left out."""
    words = set(sys.argv[1:] if argv is None else argv)
    places = place_options()
    parser = CommandParser(
        prog="ddpm-studio",
        description="Train a diffusion model on your own machine and watch it learn. Without a command: the app.",
        parents=[places],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"ddpm-studio {__version__}")
    add_looks(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    for name, command in COMMANDS.items():
        own = commands.add_parser(
            name, parents=[places], allow_abbrev=False, help=command.help, description=command.description
        )
        if name in words:
            command.module().add_options(own)
    return parser


if __name__ == "__main__":
    sys.exit(main())
