"""The orders that the list of runs can have."""

from collections.abc import Iterable
from typing import Literal, get_args

from studio.run_state import ALIVE
from studio.run_summaries import RunSummary

Order = Literal["changed", "name", "loss", "step"]
ORDERS: tuple[Order, ...] = get_args(Order)
WORDS: dict[Order, str] = {
    "changed": "live and newest first",
    "name": "by name",
    "loss": "lowest loss first",
    "step": "most steps first",
}


def next_order(order: Order) -> Order:
    """The order after this one, round and round."""
    return ORDERS[(ORDERS.index(order) + 1) % len(ORDERS)]


def in_order(summaries: Iterable[RunSummary], order: Order) -> list[RunSummary]:
    """The runs in that order, equal ones by name; what has no loss comes last."""
    return sorted(summaries, key=lambda summary: (_rank(summary, order), summary.name))


def _rank(summary: RunSummary, order: Order) -> tuple[float, ...]:
    match order:
        case "changed":
            # Heartbeats of two live runs take turns; their rows must not.
            alive = summary.state in ALIVE
            return (not alive, 0.0 if alive else -summary.changed)
        case "loss":
            loss = summary.loss
            known = loss is not None and loss == loss
            return (not known, loss if known and loss is not None else 0.0)
        case "step":
            return (-summary.step,)
        case "name":
            return ()
