"""Rows from all over a long file of metrics, in a moment: what a plot shows until every row has been read."""

import os
from pathlib import Path
from typing import Any

from ddpm.files import open_regular, parse_json_lines

# A file that is read whole in less time than a person notices is not sampled.
LONG = 4 << 20
PLACES = 400
# Some rows from each place, so that their spread is seen; more at the end, where a run is looked at most.
BLOCK, LAST_BLOCK = 2 << 10, 64 << 10


def sample_rows(path: Path) -> list[dict[str, Any]]:
    """Some rows from evenly over a .jsonl file and the last ones, in its order; none of a file that is short.

    Costs the same for any length. Never raises OSError: a file that cannot be read has no rows.
    """
    try:
        with open_regular(path) as file:
            length = os.fstat(file.fileno()).st_size
            if length < LONG:
                return []
            places = [at * (length - LAST_BLOCK) // PLACES for at in range(PLACES)]
            # A block begins and ends within rows, which then parse as none.
            blocks = [os.pread(file.fileno(), BLOCK, place) for place in places]
            blocks.append(os.pread(file.fileno(), LAST_BLOCK, length - LAST_BLOCK))
    except OSError:
        return []
    return [row for block in blocks for row in parse_json_lines(block)]
