"""What can go wrong for a reason that a person can mend.

Every error here carries one sentence that says what is wrong, with what value, where, and what to do. The
command line prints the sentence and the app shows it; neither shows a traceback for one of these.
"""

from ddpm.printable import printable


class DDPMError(Exception):
    """The parent of all errors with a sentence for the person who reads them.

    Names and contents of files end up in such sentences, so what a terminal would obey is written out.
    """

    def __init__(self, sentence: str = "") -> None:
        super().__init__(printable(sentence))


class UsageError(DDPMError):
    """What was asked for cannot be, and another word in the question mends it: nothing has failed.

    The command line ends with another code for these.
    """


class ConfigError(UsageError):
    """A recipe is not valid: an unknown key, a value out of its range, TOML that does not parse."""


class DataError(DDPMError):
    """A data set is not there, cannot be read, or holds no images."""


class MissingDataError(DataError):
    """A data set that is known, and could be downloaded, is not on this disk."""


class NoSuchDataError(DataError, UsageError):
    """A data set was named that neither is known nor is a folder or a file of images."""


class PictureError(DataError, UsageError):
    """A picture or a mask was named that is not there, is none, or does not fit."""


class DeviceError(UsageError):
    """A device was asked for that this machine does not have."""


class RunError(DDPMError):
    """A run directory cannot be made, opened, locked or written."""


class RunNameError(RunError, UsageError):
    """The name of a run is taken, is not a name, or there is no such run."""


class CheckpointError(RunError):
    """A checkpoint is missing, damaged, or belongs to another recipe."""


class CheckpointGoneError(CheckpointError):
    """A checkpoint was there a moment ago: a trainer has deleted it since, as newer ones are whole."""


class NoSuchCheckpointError(CheckpointError, UsageError):
    """A checkpoint was named, or weights in one, that a run does not have."""


class MemoryFullError(DDPMError):
    """What was asked for does not fit into the memory of the device."""


class TrainingError(DDPMError):
    """Training cannot go on: the loss is no longer a number."""


class ExchangeError(DDPMError):
    """Weights cannot be given to another program, or taken from it: the one has what the other lacks."""


class WrongPlaceError(ExchangeError, UsageError):
    """A path was named where nothing is, or something else than what is read or overwritten there."""
