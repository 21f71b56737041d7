"""What a person is asked for that a run is to be told or trained with, and what stands there at first."""

from dataclasses import dataclass

from ddpm.changes import recipe_at
from ddpm.commands import ValueCommand, parse_command
from ddpm.config import Config
from ddpm.errors import ConfigError


@dataclass(frozen=True)
class RunQuestion:
    """``word``: the command's, as in ``ddpm-studio tell``; ``text``: the value now."""

    word: str
    question: str
    detail: str
    text: str
    yes: str

    def command(self, answer: str) -> ValueCommand:
        """The command that an answer makes. Raises UsageError for what it cannot be."""
        command = parse_command([self.word, answer] if answer else [self.word])
        assert not isinstance(command, str)  # words with a value make no others
        return command


def learning_rate_question(config: Config, step: int) -> RunQuestion:
    """For another learning rate, from the step after ``step`` on."""
    return RunQuestion(
        "lr",
        "Go on with which highest learning rate?",
        "Warm-up and decay of the schedule stay as they are. The change becomes part of the run's recipe.",
        f"{recipe_at(config, step).train.lr:g}",
        "Change",
    )


def preview_question(config: Config, step: int) -> RunQuestion:
    """For another number of steps between two previews."""
    return RunQuestion(
        "preview-every",
        "Draw samples after every how many steps?",
        "0: none. The change becomes part of the run's recipe.",
        str(recipe_at(config, step).previews.every),
        "Change",
    )


def note_question() -> RunQuestion:
    """For words to remember about this moment of the run."""
    return RunQuestion("note", "Note what?", "It is kept in the log and marked on the curve.", "", "Note")


def longer_recipe(config: Config, step: int, steps: str) -> Config:
    """The recipe of a run that has come to ``step``, its last one, with a later last one. Raises ConfigError."""
    longer = config.with_values({"train": {"steps": steps}})
    if longer.train.steps <= step:
        raise ConfigError(f"It is at step {step:,} already. Give a later one.")
    return longer
