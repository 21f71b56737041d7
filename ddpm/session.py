"""One stretch of training of one run: lock it, open its data, train or resume, and leave records of everything."""

from collections.abc import Callable, Iterator
from pathlib import Path

from ddpm import checkpoint as checkpoints
from ddpm.checkpoint import Checkpoint
from ddpm.config import Config
from ddpm.data import DeviceImages
from ddpm.datasets import Progress, open_data
from ddpm.device import describe_device, pick_device
from ddpm.errors import CheckpointError, DDPMError
from ddpm.events import CommandName, Event, StateChanged
from ddpm.recorder import Recorder
from ddpm.runs import Run, this_process
from ddpm.trainer import Trainer

TakeCommands = Callable[[], list[CommandName]]


def train_run(
    run: Run,
    *,
    data_root: Path,
    take_commands: TakeCommands,
    checkpoint: Checkpoint | None = None,
    download: bool = False,
    progress: Progress | None = None,
) -> Iterator[Event]:
    """Train a run from its first step, or from a checkpoint of it, and yield each event once it is on disk.

    ``take_commands`` is asked between two steps; ``download`` fetches a data set that is not below ``data_root``,
    telling ``progress``. Whatever ends it, status.json and events.jsonl say so: errors are written there as
    "failed" and then raised, a DDPMError where a person can mend it. Raises RunError at once, writing nothing,
    while another process trains the run.
    """
    with run.locked():
        config = run.config()
        recorder = Recorder(
            run, this_process(state="preparing", steps=config.train.steps), config.train.keep_checkpoints
        )
        recorder.change(StateChanged("preparing", checkpoint.step if checkpoint else 0))
        try:
            trainer = _prepare(run, config, recorder, data_root, checkpoint, download, progress)
            yield from recorder.follow(trainer.run(take_commands))
        except GeneratorExit:
            recorder.change(StateChanged("stopped", recorder.status.step, "the program that trained it left"))
            raise
        except KeyboardInterrupt:
            recorder.change(StateChanged("stopped", recorder.status.step, "interrupted"))
            raise
        except BaseException as error:
            message = str(error) if isinstance(error, DDPMError) else f"{type(error).__name__}: {error}"
            recorder.change(StateChanged("failed", recorder.status.step, message))
            raise


def _prepare(
    run: Run,
    config: Config,
    recorder: Recorder,
    data_root: Path,
    checkpoint: Checkpoint | None,
    download: bool,
    progress: Progress | None,
) -> Trainer:
    device = pick_device(config.train.device)
    config, image_set = open_data(config, data_root, download=download, progress=progress)
    for name in image_set.skipped[:20]:
        run.record("warning", 0, f"image left out: {name}")
    run.write_config(config)
    trainer = Trainer(config, DeviceImages(image_set, config.train.seed, device))
    if checkpoint:
        _restore(trainer, checkpoint)
    checkpoints.set_aside_after(run.checkpoints_path, checkpoint.step if checkpoint else -1)
    run.rewind(checkpoint.step if checkpoint else -1)
    run.take_commands()  # what was sent to an earlier trainer is not for this one
    recorder.status = this_process(
        state="preparing",
        step=trainer.step,
        steps=config.train.steps,
        images_seen=trainer.images_seen,
        device=describe_device(device),
        parameters=sum(parameter.numel() for parameter in trainer.network.parameters()),
        dataset_size=len(image_set.images),
    )
    run.record("resumed" if checkpoint else "started", trainer.step, f"on {recorder.status.device}")
    return trainer


def _restore(trainer: Trainer, checkpoint: Checkpoint) -> None:
    tensors, state = checkpoints.load(checkpoint, "model", "ema", "optimizer")
    try:
        trainer.restore(tensors, state)
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"The checkpoint {checkpoint.path} does not fit the run's config.toml: {str(error).splitlines()[0]}. "
            "Undo the change in config.toml, or start a new run."
        ) from None
