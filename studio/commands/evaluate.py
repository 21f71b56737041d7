"""``ddpm-studio evaluate``: measure a checkpoint of a run."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ddpm.datasets import refuse_no_data
from ddpm.errors import ConfigError
from ddpm.evaluation_config import EvaluationConfig
from ddpm.runs_root import open_run
from studio.home import data_root, home_directory, runs_root
from studio.networks import is_file, open_network
from studio.options import add_model_options, model_of, step_number, wrong_options

if TYPE_CHECKING:
    from ddpm.evaluate import BitsPerDimension, Evaluation, Loss


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``evaluate``."""
    parser.add_argument("run", metavar="RUN", help="name of a run, or the path of its directory")
    parser.add_argument(
        "--checkpoint", metavar="STEP", type=step_number, help="default: the newest whole one"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, mps, cuda or cuda:N (default auto)")
    add_model_options(parser, EvaluationConfig)


def command(arguments: argparse.Namespace) -> int:
    """Measure, show a table, and say where it was written; returns the exit code."""
    options = model_of(
        EvaluationConfig, {name: getattr(arguments, name) for name in EvaluationConfig.model_fields}
    )
    home = home_directory(arguments.home)
    root = runs_root(home)
    if is_file(root, arguments.run):
        raise ConfigError(
            f"{arguments.run} holds a network alone; evaluate needs a run, which says what images to measure it on."
        )
    run = open_run(root, arguments.run)
    config = run.config()
    refuse_no_data(config, run.name)
    if arguments.bins is not None and options.bins > (T := config.diffusion.T):
        raise wrong_options(
            {"bins": f"{options.bins} are not possible, as the network was trained with T = {T}"}
        )
    network = open_network(
        root,
        arguments.run,
        checkpoint=arguments.checkpoint,
        weights=options.weights,
        device=arguments.device,
    )

    from ddpm.evaluate import Evaluation, evaluate, open_evaluated, save_evaluation
    from studio.commands.progress import drawing_progress

    split, image_set = open_evaluated(network.config, data_root(home, arguments.data_root))
    with drawing_progress("measuring") as report:
        for news in evaluate(network, image_set, options):
            if isinstance(news, Evaluation):
                evaluation = news
            else:
                report(news.done, news.total)
    print(f"{run.name} at step {network.step}, {options.weights} weights, {evaluation.n:,} {split} images")
    print("\n".join(table(evaluation)))
    print(save_evaluation(run, network, options, split, evaluation))
    return 0


def table(evaluation: "Evaluation") -> Iterator[str]:
    """The lines of what was measured."""
    if evaluation.loss:
        yield from _loss_lines(evaluation.loss)
    if evaluation.bits_per_dimension:
        yield from _bits_lines(evaluation.bits_per_dimension)


def _loss_lines(loss: "Loss") -> Iterator[str]:
    yield _line("loss", loss.mean)
    for part in loss.bins:
        yield _line(f"  t {part.first} to {part.last}", part.loss)


def _bits_lines(bits: "BitsPerDimension") -> Iterator[str]:
    yield f"{_line('bits/dim', bits.total)} +- {bits.standard_error:.4f}, {bits.variance} variance"
    yield _line("  prior", bits.prior)
    yield _line("  steps", bits.steps)
    yield _line("  decoder", bits.decoder)


def _line(name: str, value: float) -> str:
    return f"{name:<20}{value:10.4f}"
