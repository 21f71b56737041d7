"""Full garbage collections wait until nobody types: one among the objects of the app holds it up for 20 ms and more."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

LOOK_SECONDS = 1.0
# In collections of younger objects: as many as Python itself would wait for, and those after which also a person who
# types without a rest is kept waiting.
DUE, OVERDUE = 10, 1000
_NEVER = 1_000_000


@contextmanager
def collected_between_keys() -> Iterator[None]:
    """Python begins no full collections of its own; ``collect_if_idle`` is to be called now and then."""
    before = gc.get_threshold()
    gc.set_threshold(*before[:2], _NEVER)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def collect_if_idle(seconds_without_key: float) -> None:
    """Collect where it is time for it, and nobody has typed for a moment."""
    is_idle = seconds_without_key >= LOOK_SECONDS
    if gc.isenabled() and gc.get_count()[2] > (DUE if is_idle else OVERDUE):
        gc.collect()
