"""What went wrong, for the person who is to mend it and for the one who is to read of it. Knows no screen."""

import platform
import traceback
from dataclasses import dataclass

from ddpm.errors import DDPMError
from ddpm.printable import printable
from ddpm.version import __version__


@dataclass(frozen=True)
class ErrorReport:
    """``what`` happened and what to do about it, in sentences; ``details`` are many lines, to be sent to somebody."""

    title: str
    what: str
    advice: str
    details: str


def report_of(error: BaseException, where: str) -> ErrorReport:
    """The report of an error that happened ``where``, such as on the screen "runs".

    The errors of the library say themselves what to do, and those of the system what it lacks; any other is a fault
    of the program.
    """
    words = printable(str(error))
    if isinstance(error, DDPMError | OSError):
        return ErrorReport("This did not work", words, "", _details(error, where))
    return ErrorReport(
        "An error in ddpm-studio",
        f"{type(error).__name__}: {words}" if words else type(error).__name__,
        "This is a fault of the program, not yours. No run is harmed: one in training goes on. Copy the details if you "
        "want to report it.",
        _details(error, where),
    )


def _details(error: BaseException, where: str) -> str:
    trace = "".join(traceback.format_exception(error))
    return (
        f"ddpm-studio {__version__}, Python {platform.python_version()}, {platform.system()} {platform.release()} "
        f"{platform.machine()}\nwhere: {where}\n\n{trace}"
    )
