"""The thread that draws goes before the one that trains, where both want the same core."""

import os
import sys
import threading
from contextlib import suppress

# Of two threads that are this far apart the other one gets three quarters of a core that both want.
_STEPS_BACK = 5
_LAST = 19


def let_the_screen_go_first() -> None:
    """Put the thread that calls this behind the one that draws; threads that it starts follow it.

    A key is answered in a few ms of work and training never rests: half a core each would double the wait. Only Linux
    knows priorities of single threads.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):
            before = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, min(_LAST, before + _STEPS_BACK))
