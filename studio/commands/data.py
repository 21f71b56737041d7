"""``ddpm-studio data``: list the data sets that have names, or say what one of them or a folder holds."""

import argparse
import json
from pathlib import Path
from typing import Any

from ddpm.config import DataConfig
from ddpm.datasets import DATASETS, DataSummary, NamedSet, summarize
from ddpm.errors import DataError
from ddpm.sources.decoded import decoded_below, forget, kept_bytes
from studio.figures import size
from studio.home import data_root, home_directory


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``data``."""
    parser.add_argument(
        "data", nargs="?", metavar="DATA", help="as for train; without it: all data sets that have names"
    )
    parser.add_argument("--json", action="store_true", help="JSON, for programs")
    parser.add_argument(
        "--forget",
        action="store_true",
        help="delete the decoded images that are kept to make the next start fast; they are made again when needed",
    )


def command(arguments: argparse.Namespace) -> int:
    """Print what there is; returns the exit code."""
    root = data_root(home_directory(arguments.home), arguments.data_root)
    if arguments.forget:
        return forget_decoded(root)
    if arguments.data:
        row = describe(arguments.data, summarize(DataConfig(source=arguments.data), root))
        print(json.dumps(row, indent=2) if arguments.json else in_words(row))
        return 0
    rows = [list_row(named, root) for named in DATASETS.values()]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        print_table(rows, root)
    return 0


def forget_decoded(root: Path) -> int:
    """Delete what is kept of decoded images, and say how much that was; returns the exit code."""
    folder = decoded_below(root)
    try:
        freed = forget(folder)
    except OSError as error:
        raise DataError(f"The decoded images in {folder} cannot be deleted: {error.strerror}.") from None
    print(
        f"{size(freed)} of decoded images deleted from {folder}."
        if freed
        else f"Nothing is kept in {folder}."
    )
    return 0


def describe(source: str, summary: DataSummary) -> dict[str, Any]:
    """One data set as it lies on this disk, as JSON."""
    return {
        "data": source,
        "images": summary.n,
        "opened": source in DATASETS or not Path(source).expanduser().is_dir(),
        "image_size": summary.image_size,
        "channels": summary.channels,
        "classes": summary.class_names,
        "skipped": summary.skipped,
        "remarks": summary.remarks,
    }


def in_words(row: dict[str, Any]) -> str:
    """One data set for people."""
    height, width = row["image_size"]
    images = "images" if row["opened"] else "image files, not opened yet"
    lines = [f"{row['data']}: {row['images']:,} {images}, {height}x{width}, {_colours(row['channels'])}"]
    if row["classes"]:
        lines.append(f"{len(row['classes'])} classes: {', '.join(row['classes'])}")
    if row["skipped"]:
        lines.append(f"left out: {', '.join(row['skipped'])}")
    return "\n".join([*lines, *row["remarks"]])


def list_row(named: NamedSet, root: Path) -> dict[str, Any]:
    """A data set that has a name, as JSON: whole as published, and whether it can be read on this disk."""
    try:
        summarize(DataConfig(source=named.name), root)
        here = True
    except DataError:
        here = False
    return {
        "name": named.name,
        "what": named.what,
        "images": named.n,
        "image_size": named.image_size,
        "channels": named.channels,
        "origin": named.origin,
        "here": here,
    }


def print_table(rows: list[dict[str, Any]], root: Path) -> None:
    """The data sets for people."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("name", "images", "of", "size", "colours", "on this disk"):
        table.add_column(name, overflow="fold", justify="right" if name == "images" else "left")
    for row in rows:
        height, width = row["image_size"]
        place = "yes" if row["here"] else f"no: {row['origin']}"
        shape = (f"{height}x{width}", _colours(row["channels"]))
        table.add_row(row["name"], f"{row['images']:,}", row["what"], *shape, place)
    console = Console(markup=False, highlight=False)
    console.print(table)
    console.print(
        f"\nData sets are kept in {root}. `ddpm-studio train NAME --download` fetches one. Other images: the path of a "
        "folder, or of a .npy or .npz file; hf:owner/name of the Hugging Face hub.",
        soft_wrap=True,
    )
    if kept := kept_bytes(decoded_below(root)):
        console.print(
            f"{size(kept)} of decoded images are kept there too; `ddpm-studio data --forget` deletes them."
        )


def _colours(channels: int) -> str:
    return {1: "grey", 3: "colour", 4: "colour with transparency"}[channels]
