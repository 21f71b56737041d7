"""The command line. Nothing heavy is imported before a subcommand needs it."""

import argparse
import gc
import sys
from collections.abc import Sequence

from ddpm.errors import ConfigError, DDPMError, UsageError
from ddpm.version import __version__
from studio.command_parser import CommandParser

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130

IMAGE_PROTOCOLS = ("auto", "kitty", "sixel", "half", "none")


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
    match arguments.command:
        case "train":
            from studio.commands import train

            return train.command(arguments)
        case "sample":
            from studio.commands import sample

            return sample.command(arguments)
        case "export":
            from studio.commands import export

            return export.command(arguments)
        case "import":
            from studio.commands import import_pipeline

            return import_pipeline.command(arguments)
        case "evaluate":
            from studio.commands import evaluate

            return evaluate.command(arguments)
        case "edit":
            from studio.commands import edit

            return edit.command(arguments)
        case "data":
            from studio.commands import data

            return data.command(arguments)
        case "runs":
            from studio.commands import runs

            return runs.command(arguments)
        case "doctor":
            from studio.commands import doctor

            return doctor.command(arguments)
        case _:
            return open_app(arguments)


def open_app(arguments: argparse.Namespace) -> int:
    """Start the terminal app. Raises DDPMError when there is no terminal to show it."""
    from studio import terminal_question
    from studio.home import data_root, home_directory

    # Textual reads stdin and draws on stderr.
    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        raise ConfigError(
            "The app needs a terminal. Without one, use `ddpm-studio train DATA` and `ddpm-studio runs`."
        )
    gc.disable()  # what is imported stays; looking through it for garbage is a tenth of the way to the first paint
    with terminal_question.asked() as answer:
        from studio.app import run_app
        from studio.terminal import find_pictures

        pictures = find_pictures(arguments.images, answer())
    gc.freeze()
    gc.enable()
    home = home_directory(arguments.home)
    return run_app(home, data_root(home, arguments.data_root), pictures)


def build_parser(argv: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """The parser of all subcommands. The options of a subcommand that is not in ``argv`` are left out."""
    words = set(sys.argv[1:] if argv is None else argv)
    places = CommandParser(add_help=False)
    places.add_argument(
        "--home",
        metavar="DIR",
        default=argparse.SUPPRESS,
        help="where runs are kept (else $DDPM_STUDIO_HOME)",
    )
    places.add_argument(
        "--data-root", metavar="DIR", default=argparse.SUPPRESS, help="where data sets are (else HOME/data)"
    )
    parser = CommandParser(
        prog="ddpm-studio",
        description="Train a diffusion model on your own machine and watch it learn. Without a command: the app.",
        parents=[places],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"ddpm-studio {__version__}")
    parser.add_argument(
        "--images", choices=IMAGE_PROTOCOLS, default="auto", help="how the app shows pictures (default auto)"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    train = commands.add_parser(
        "train",
        parents=[places],
        allow_abbrev=False,
        help="train a model, or resume a run",
        description="Train a model.",
    )
    sample = commands.add_parser(
        "sample",
        parents=[places],
        allow_abbrev=False,
        help="draw images from a run",
        description="Draw images from a run.",
    )
    export = commands.add_parser(
        "export",
        parents=[places],
        allow_abbrev=False,
        help="write a trained network to a file, or to a folder for diffusers",
        description="Write a trained network to a file of its own, or to a folder for diffusers.",
    )
    take_in = commands.add_parser(
        "import",
        parents=[places],
        allow_abbrev=False,
        help="make a run of a diffusers pipeline",
        description="Make a run of a diffusers DDPM pipeline, to draw from it or train it on.",
    )
    evaluate = commands.add_parser(
        "evaluate",
        parents=[places],
        allow_abbrev=False,
        help="measure a run: its loss by timestep, bits per dimension",
        description="Measure a run on the images that it holds out, or on its training images if it holds out none.",
    )
    edit = commands.add_parser(
        "edit",
        parents=[places],
        allow_abbrev=False,
        help="interpolate between pictures, vary one, or paint a part of one anew",
        description="Make images of pictures with the network of a run.",
    )
    data = commands.add_parser(
        "data",
        parents=[places],
        allow_abbrev=False,
        help="list the data sets, or look at one",
        description="List the data sets that have names, or say what one of them or a folder holds.",
    )
    runs = commands.add_parser(
        "runs",
        parents=[places],
        allow_abbrev=False,
        help="list the runs",
        description="List the runs: what each is trained on, how far it is, its loss and its newest checkpoint.",
    )
    runs.add_argument("--json", action="store_true", help="one JSON array, for programs")
    doctor = commands.add_parser(
        "doctor",
        parents=[places],
        allow_abbrev=False,
        help="look at this machine and every run, and say how to mend what is wrong",
        description="Look at Python, torch, devices, the terminal, the disk and every run.",
    )
    if "doctor" in words:
        from studio.commands import doctor as doctor_command

        doctor_command.add_options(doctor)
    if "train" in words:
        from studio.commands import train as train_command

        train_command.add_options(train)
    if "sample" in words:
        from studio.commands import sample as sample_command

        sample_command.add_options(sample)
    if "edit" in words:
        from studio.commands import edit as edit_command

        edit_command.add_options(edit, places)
    if "export" in words:
        from studio.commands import export as export_command

        export_command.add_options(export)
    if "import" in words:
        from studio.commands import import_pipeline as import_command

        import_command.add_options(take_in)
    if "evaluate" in words:
        from studio.commands import evaluate as evaluate_command

        evaluate_command.add_options(evaluate)
    if "data" in words:
        from studio.commands import data as data_command

        data_command.add_options(data)
    return parser


if __name__ == "__main__":
    sys.exit(main())
