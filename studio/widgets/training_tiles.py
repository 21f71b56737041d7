"""The figures of a training run, each in its tile."""

from studio import figures
from studio.run_view import RunView
from studio.widgets.bar import small_bar
from studio.widgets.tiles import Tile, Tiles

TILES = {
    "loss-tile": "loss",
    "speed-tile": "images/s",
    "seen-tile": "images seen",
    "lr-tile": "learning rate",
    "norm-tile": "gradient norm",
    "memory-tile": "memory",
}


def show_figures(tiles: Tiles, view: RunView) -> None:
    """Bring the tiles up to date with a run."""
    smooth = float(view.loss.smooth[-1]) if len(view.loss) else None
    tiles.tile("loss-tile").show(
        figures.loss(smooth), long_note="moving average" if smooth is not None else ""
    )
    tiles.tile("speed-tile").show(figures.rate(view.figure("img_per_s")))
    # What prepares, or has only been branched, has not said it yet.
    seen = view.status.images_seen or view.figure("images_seen") or 0
    notes = _epochs(seen / view.status.dataset_size) if view.status.dataset_size else ("", "")
    tiles.tile("seen-tile").show(figures.short_count(seen), notes[0], long_note=notes[1])
    tiles.tile("lr-tile").show(_small(view.figure("lr")))
    tiles.tile("norm-tile").show(_small(view.figure("grad_norm")))
    _show_memory(tiles.tile("memory-tile"), view.memory)


def _epochs(number: float) -> tuple[str, str]:
    """In short, for the narrowest tile, and in full."""
    short = f"{number:.0f}" if number >= 10 else f"{number:.2g}"
    return f"{short} ep.", f"{number:.3g} epochs"


def _show_memory(tile: Tile, memory: dict[str, int]) -> None:
    """On a GPU allocated, reserved and all of it; else this process's share of the machine's."""
    if "allocated" in memory:
        allocated, reserved, total = (memory.get(name, 0) for name in ("allocated", "reserved", "total"))
        tile.show(
            f"{_gib(allocated)}/{_gib(reserved)}",
            f"/{_gib(total)}",
            long_note=f"GiB reserved, of {_gib(total)}",
            name=f"GPU GiB {small_bar(reserved / total if total else 0.0, 5)}",
        )
    elif "process" in memory:
        used, total = memory["process"], memory.get("machine", 0)
        tile.show(
            _gib(used),
            f"/ {_gib(total)} GiB",
            long_note=f"of {_gib(total)} GiB (process)",
            name=f"memory {small_bar(used / total if total else 0.0, 5)}",
        )
    else:
        tile.show("–")


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.2g}" if n_bytes < 10 * 2**30 else f"{n_bytes / 2**30:.0f}"


def _small(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
