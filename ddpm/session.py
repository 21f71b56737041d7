"""One stretch of training of one run: lock it, open its data, train or resume, and leave records of everything."""

from collections.abc import Iterator
from pathlib import Path

from ddpm import checkpoint as checkpoints
from ddpm.changes import ROLLED_BACK, Change, recipe_at, rollbacks, with_change
from ddpm.checkpoint import Checkpoint
from ddpm.commands import word_of
from ddpm.config import Config
from ddpm.datasets import refuse_no_data
from ddpm.device import describe_device, out_of_memory_told, pick_device
from ddpm.errors import CheckpointError, DDPMError, RunError, TrainingError
from ddpm.events import Event, RollbackDue, RolledBack, State, StateChanged
from ddpm.memory_check import refuse_too_large, told_with_estimate, warn_if_tight
from ddpm.neighbours import warn_of_neighbours
from ddpm.progress import Progress
from ddpm.recipe_check import refuse_other_recipe
from ddpm.recorder import Recorder
from ddpm.retention import is_marked
from ddpm.runs import Run, this_process
from ddpm.trainer import TakeCommands, Trainer
from ddpm.training_data import open_training_data


def train_run(
    run: Run,
    *,
    data_root: Path,
    take_commands: TakeCommands,
    checkpoint: Checkpoint | None = None,
    config: Config | None = None,
    download: bool = False,
    progress: Progress | None = None,
) -> Iterator[Event]:
    """Train a run from its first step, or from a checkpoint of it, and yield each event once it is on disk.

    Checkpoints and previews are written while training goes on, so that theirs come some steps later; all are on
    disk when the run's last state is told, whatever ends it.

    ``take_commands`` is asked between two steps; ``config`` takes the place of the run's recipe once data, device
    and checkpoint have been found to fit it; ``download`` fetches a data set that is not below ``data_root``,
    telling ``progress``. Whatever ends it, status.json and events.jsonl say so: errors are written there as
    "failed" and then raised, a DDPMError where a person can mend it. At once, writing nothing, it raises RunError
    while another process trains the run, and NoSuchDataError where a run was imported without data.
    """
    with run.locked():
        config = config or run.config()
        refuse_no_data(config, run.name)
        status = this_process(state="preparing", steps=config.train.steps)
        recorder = Recorder(run, status, config.train)
        recorder.change(StateChanged("preparing", checkpoint.step if checkpoint else 0))
        try:
            with out_of_memory_told("a smaller train.batch_size, model.dim or image size"):
                trainer, warnings = _prepare(
                    run, config, recorder, data_root, checkpoint, download, recorder.beating(progress)
                )
                for words in warnings:
                    yield recorder.warn(trainer.step, words)
                for event in recorder.follow(trainer.run(lambda: [*take_commands(), *recorder.commands()])):
                    if isinstance(event, RollbackDue):
                        yield recorder.rolled_back(_roll_back(run, trainer, event))
                    else:
                        yield event
        except GeneratorExit:
            _note_end(recorder, "stopped", "the program that trained it left")
            raise
        except KeyboardInterrupt:
            _note_end(recorder, "stopped", "interrupted")
            raise
        except OSError as error:
            where = error.filename or run.path
            words = f"The disk fails: {error.strerror or error}, at {where}. Mend that, then resume."
            _note_end(recorder, "failed", words)
            raise RunError(words) from None
        except BaseException as error:
            message = str(error) if isinstance(error, DDPMError) else f"{type(error).__name__}: {error}"
            _note_end(recorder, "failed", message)
            raise


def _note_end(recorder: Recorder, state: State, message: str) -> None:
    """Say what ended the run, unless it had ended before: a reader that leaves at the last event stops nothing."""
    if recorder.status.state in ("preparing", "running", "paused"):
        recorder.change(StateChanged(state, recorder.status.step, message))


def _prepare(
    run: Run,
    config: Config,
    recorder: Recorder,
    data_root: Path,
    checkpoint: Checkpoint | None,
    download: bool,
    progress: Progress | None,
) -> tuple[Trainer, list[str]]:
    """A trainer that is ready, and what is odd. Nothing of the run is changed before everything fits."""
    late = _drop_commands(run)
    trainer, warnings = ready_trainer(config, data_root, checkpoint, download=download, progress=progress)
    run.write_config(trainer.config)
    warnings += _forget_after(run, checkpoint.step if checkpoint else -1)
    warnings += warn_of_neighbours(run, trainer.device)
    recorder.status = this_process(
        state="preparing",
        step=trainer.step,
        steps=config.train.steps,
        images_seen=trainer.images_seen,
        device=describe_device(trainer.device),
        parameters=sum(parameter.numel() for parameter in trainer.network.parameters()),
        dataset_size=len(trainer.images),
    )
    run.record("resumed" if checkpoint else "started", trainer.step, f"on {recorder.status.device}")
    return trainer, warnings + late


def _drop_commands(run: Run) -> list[str]:
    """Empty the inbox: what was sent to an earlier trainer is not for this one. Returns what a person may miss."""
    return [
        f"{word_of(command)} {command.value} was sent to an earlier trainer, which ended before it came to that, so it "
        "is dropped; send it again if it still holds"
        for command in run.take_commands()
        if not isinstance(command, str)
    ]


def ready_trainer(
    config: Config,
    data_root: Path,
    checkpoint: Checkpoint | None = None,
    *,
    download: bool = False,
    progress: Progress | None = None,
) -> tuple[Trainer, list[str]]:
    """A trainer of a recipe at its first step or at a checkpoint, and what is odd. Writes nothing of a run.

    Raises DDPMError where data, device or checkpoint do not fit the recipe.
    """
    device = pick_device(config.train.device)
    config, images, warnings, held_out = open_training_data(
        config, data_root, device, download=download, progress=progress
    )
    refuse_too_large(config, device)
    warnings += warn_if_tight(config, device)
    with told_with_estimate(config, device):
        trainer = Trainer(config, images, held_out)
    if checkpoint:
        warnings += _restore(trainer, checkpoint)
    return trainer, warnings


def _forget_after(run: Run, step: int) -> list[str]:
    """Put out of the way what was made after a step, which training from there will make again.

    Returns what a person should know of it: which checkpoints to be kept for ever are among that.
    """
    later = [
        checkpoints.look_at(run.checkpoints_path / name, at)
        for at, name in checkpoints.steps_of(run.checkpoints_path)
        if at > step
    ]
    words = [
        f"the checkpoint of step {checkpoint.step}, to be kept for ever, lies aside now; "
        "`ddpm-studio doctor` says how to make a run of it"
        for checkpoint in later
        if is_marked(checkpoint)
    ]
    for folder in (run.checkpoints_path, run.snapshots_path):
        checkpoints.set_aside_after(folder, step)
    run.rewind(step)
    return words


def _roll_back(run: Run, trainer: Trainer, due: RollbackDue) -> RolledBack:
    """Take a trainer back to a checkpoint, or to its start where there is none, with half the lr.

    The new recipe is on disk first: whoever resumes from that checkpoint goes the new way, whenever this process
    ends. Raises TrainingError where it went back too often.
    """
    config = trainer.config
    lr = recipe_at(config, due.step - 1).train.lr
    if rollbacks(config) >= config.train.max_rollbacks:
        raise TrainingError(
            f"At step {due.step} {due.reason}. The run has gone back {rollbacks(config)} of "
            f"{config.train.max_rollbacks} times (train.max_rollbacks), so it ends here; its checkpoints are sound. "
            f"Look at its data, or go on from a checkpoint with a learning rate (train.lr) below {lr:g}."
        )
    checkpoint = _checkpoint_before(run, due.learned)
    back_to = checkpoint.step if checkpoint else 0
    change = Change(step=back_to, lr=lr / 2, reason=ROLLED_BACK)
    trainer.config = with_change(config, change)
    run.write_config(trainer.config)
    if checkpoint:
        _restore(trainer, checkpoint)
    else:
        trainer.restart()
    set_aside = _forget_after(run, checkpoint.step if checkpoint else -1)
    due.done = True
    words = [due.reason, f"lr {lr:g} -> {lr / 2:g}", *set_aside]
    return RolledBack(due.step, back_to, "; ".join(words))


def _checkpoint_before(run: Run, step: int) -> Checkpoint | None:
    """The newest whole checkpoint before the weights of a step; from those, the same would come again at any lr.

    Where all are later, the oldest, so that no work is thrown away; None where there are none.
    """
    oldest = None
    for checkpoint in reversed(run.checkpoints()):
        if checkpoint.whole and not checkpoints.verify(checkpoint):
            oldest = checkpoint
            if checkpoint.step < step:
                break
    return oldest


def _restore(trainer: Trainer, checkpoint: Checkpoint) -> list[str]:
    """Put a checkpoint into the trainer; returns what is odd. Raises CheckpointError where it does not fit."""
    tensors, state = checkpoints.load(checkpoint, "model", "optimizer", *trainer.averages)
    refuse_other_recipe(state, trainer.config, checkpoint.path)
    try:
        trainer.restore(tensors, state)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"The checkpoint {checkpoint.path} does not fit the run's config.toml: {str(error).splitlines()[0]}. "
            "Undo the change in config.toml, or start a new run."
        ) from None
    before, now = state.get("dataset_size"), len(trainer.images)
    if before in (None, now):
        return []
    return [f"the data set has {now} images now and had {before}, so this is not the run it would have been"]
