"""A run's loss curve in a few numbers, from samples of its metrics file: a million rows cost what a thousand do."""

import math
import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from ddpm.files import open_regular, parse_json_lines

POINTS = 16
BLOCK = 2048  # bytes: some rows, so that a point is the mean of several losses
LAST_BLOCK = 8192  # as much as the longest last row may need
READ_WHOLE = 2 * POINTS * BLOCK


@dataclass(frozen=True)
class MetricsSketch:
    """The loss at up to ``POINTS`` places evenly over the file (NaN where none is finite), and the last row."""

    losses: tuple[float, ...] = ()
    last: dict[str, Any] | None = None


def sketch(path: Path) -> MetricsSketch:
    """Sketch a metrics.jsonl; one that cannot be read has no points."""
    try:
        with open_regular(path) as file:
            length = os.fstat(file.fileno()).st_size
            if length <= READ_WHOLE:
                rows = list(parse_json_lines(file.read(READ_WHOLE)))
                return MetricsSketch(_means(rows), rows[-1] if rows else None)
            offsets = [at * (length - LAST_BLOCK) // (POINTS - 1) for at in range(POINTS)]
            blocks = [_rows_at(file.fileno(), offset, BLOCK) for offset in offsets[:-1]]
            blocks.append(_rows_at(file.fileno(), offsets[-1], LAST_BLOCK))
    except OSError:
        return MetricsSketch()
    return MetricsSketch(tuple(_mean_loss(rows) for rows in blocks), blocks[-1][-1] if blocks[-1] else None)


def _rows_at(descriptor: int, offset: int, length: int) -> list[dict[str, Any]]:
    """The whole rows in a block; the part of a row that it begins with parses as none."""
    return list(parse_json_lines(os.pread(descriptor, length, offset)))


def _means(rows: list[dict[str, Any]]) -> tuple[float, ...]:
    points = min(POINTS, len(rows))
    bounds = [at * len(rows) // points for at in range(points + 1)] if points else []
    return tuple(_mean_loss(rows[first:end]) for first, end in pairwise(bounds))


def _mean_loss(rows: list[dict[str, Any]]) -> float:
    losses = [
        loss for row in rows if (loss := number_or_none(row.get("loss"))) is not None and math.isfinite(loss)
    ]
    return math.fsum(losses) / len(losses) if losses else math.nan


def number_or_none(value: object) -> float | None:
    """A number of a row, which may be NaN; None for what is none or too large for a float."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
