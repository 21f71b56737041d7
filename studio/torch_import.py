"""torch is imported off the thread that draws the screen, and so that this thread goes on meanwhile."""

import atexit
import ctypes
import gc
import importlib.util
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ONE_AT_A_TIME = threading.Lock()


def load_torch() -> None:
    """Import torch, which takes a second or more, where it is not yet: call it in a thread, before what needs it."""
    with _ONE_AT_A_TIME:
        if "torch._dynamo" in sys.modules:
            return
        _load_without_lock("triton/_C/libtriton.so")
        with no_collections():
            # AdamW imports another 900 modules when it is made; they come now, with the rest.
            import torch._dynamo  # noqa: F401


def _load_without_lock(library: str) -> None:
    """Load a library of an installed package before Python does.

    Python holds its one lock while it loads a library, this function does not: half a gigabyte from a disk, the
    first time after the machine's start, are 0.3 s in which no key would be answered.
    """
    package, _, rest = library.partition("/")
    found = importlib.util.find_spec(package)
    for place in (found and found.submodule_search_locations) or ():
        path = Path(place, rest)
        if path.is_file():
            ctypes.CDLL(None).dlopen(os.fsencode(path), os.RTLD_NOW)


@contextmanager
def no_collections() -> Iterator[None]:
    """Keep the garbage collector away, then tell it to leave alone what there is by then.

    torch makes some 300,000 lasting objects when it is imported and in its first step; each full collection among
    them would hold the screen up for 100 to 200 ms, six times at once and again every so often.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        # Given back at the end, or libraries complain on the terminal that their objects have leaked.
        atexit.register(gc.unfreeze)
