"""The figures of a training run, each in its tile."""

from studio import figures
from studio.run_view import RunView
from studio.widgets.bar import small_bar
from studio.widgets.tiles import Tiles

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
    tiles.show("loss-tile", figures.loss(smooth), "smoothed" if smooth is not None else "")
    tiles.show("speed-tile", figures.rate(view.figure("img_per_s")))
    tiles.show("seen-tile", figures.short_count(view.status.images_seen), _epochs(view))
    tiles.show("lr-tile", _small(view.figure("lr")))
    tiles.show("norm-tile", _small(view.figure("grad_norm")))
    _show_memory(tiles, view)


def _show_memory(tiles: Tiles, view: RunView) -> None:
    memory = view.memory
    if "allocated" in memory:
        reserved, total = memory.get("reserved", 0), memory.get("total", 0)
        note = f"{figures.size(reserved)} reserved, {figures.size(total)} in all"
        used, name = memory["allocated"], "GPU memory"
        share = reserved / total if total else 0.0
    elif "process" in memory:
        used, total, name = memory["process"], memory.get("machine", 0), "memory"
        note, share = f"of {figures.size(total)}", used / total if total else 0.0
    else:
        tiles.show("memory-tile", "–")
        return
    tiles.show("memory-tile", figures.size(used), note, name=f"{name} {small_bar(share, 5)}")


def _epochs(view: RunView) -> str:
    if not view.status.dataset_size:
        return ""
    return f"{view.status.images_seen / view.status.dataset_size:.1f} epochs"


def _small(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
