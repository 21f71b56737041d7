"""How fast images come: batches of sets in memory, folders decoded, and the start with a folder of 60,000 files.

    python benchmarks/data_speed.py [--images 600] [--files 60000] [--turns 3] [--write]

The peer is torchvision's ImageFolder with Resize, CenterCrop and PILToTensor, in a DataLoader with as many workers as
there are cores; ours has as many threads. Both end with images of 64x64 in uint8; they take turns. Pictures are made
from random smooth fields with some noise, in the sizes of ImageNet, CelebA and small PNGs. Nothing of it is kept.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from results import table, write_section
from torchvision import datasets, transforms

from ddpm.config import DataConfig
from ddpm.data import DeviceImages
from ddpm.datasets import load_images
from ddpm.events import StepDone
from ddpm.presets import config_for
from ddpm.sources.decoded import NOWHERE
from ddpm.sources.imageset import ImageSet
from ddpm.trainer import Trainer

SIDE = 64
BATCH = 64
BATCHES = 20
KINDS = {"JPEG 500x375": (375, 500, "jpg"), "JPEG 178x218": (218, 178, "jpg"), "PNG 64x64": (64, 64, "png")}
DISTINCT = 40
SHARE_GOAL, DECODE_GOAL, START_GOAL = 0.02, 1.5, 5.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=600, help="pictures of each kind (default 600)")
    parser.add_argument("--files", type=int, default=60_000, help="files of the large folder (default 60000)")
    parser.add_argument("--turns", type=int, default=3, help="turns of each (default 3)")
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/RESULTS.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        parts = [batches_of_memory(given.turns)]
        parts.append(decoding(Path(place), given.images, given.turns))
        parts.append(starts(Path(place), given.files))
    text = "\n\n".join(parts)
    print(text)
    if given.write:
        write_section("Data", text, ("torch", "torchvision", "pillow"))
    return 0


def batches_of_memory(turns: int) -> str:
    """The share of a training step that goes into making its batch, of sets that are in memory."""
    rows = []
    for name, shape in (("mnist", (1, 28, 28)), ("cifar10", (3, 32, 32))):
        images = np.random.default_rng(0).integers(0, 256, (10_000, *shape), np.uint8)
        config = config_for("mnist", "mnist", {"data": {"image_size": shape[1:], "channels": shape[0]}})
        config = config.with_values({"previews": {"every": 0}, "train": {"steps": 10**6}})
        data = DeviceImages(ImageSet(name, images), 0, flip=name == "cifar10")
        batch_size = config.train.batch_size
        events = Trainer(config, data).run()
        one_step(events)
        steps, batches = [], []
        for _ in range(turns):
            steps.append(seconds_of(partial(one_step, events)))
            batches.append(seconds_of(partial(some_batches, data, batch_size)) / BATCHES)
        step, batch = statistics.median(steps), statistics.median(batches)
        rows.append(
            [
                f"{'x'.join(map(str, shape))}, batch {batch_size}",
                f"{step * 1000:.0f} ms",
                f"{batch * 1000:.2f} ms",
                f"{batch / step:.2%}",
                verdict(batch / step <= SHARE_GOAL, f"at most {SHARE_GOAL:.0%}"),
            ]
        )
    header = ["in memory, network of the preset mnist", "step", "its batch", "share", "goal"]
    return table(header, rows)


def one_step(events) -> None:
    while not isinstance(next(events), StepDone):
        pass


def some_batches(data: DeviceImages, batch_size: int) -> None:
    for number in range(BATCHES):
        data.batch(number * batch_size, batch_size)


def seconds_of(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def verdict(met: bool, goal: str) -> str:
    return f"{goal}: {'met' if met else 'missed'}"


def decoding(place: Path, n: int, turns: int) -> str:
    """Pictures decoded a second, ours and the peer's, each with all cores."""
    rows = []
    for kind, (height, width, ending) in KINDS.items():
        folder = place / kind
        make_pictures(folder, n, (height, width), ending)
        ours, again, peers = [], [], []
        for turn in range(turns + 1):  # the first turn reads the files for all
            data_root = place / f"kept {kind} {turn}"
            mine = n / seconds_of(partial(load_images, config(folder), NOWHERE / "none"))
            peer = n / seconds_of(partial(load_with_image_folder, folder))
            load_images(config(folder), data_root)
            kept = n / seconds_of(partial(load_images, config(folder), data_root))
            if turn:
                ours.append(mine)
                peers.append(peer)
                again.append(kept)
        cores = os.cpu_count() or 1
        ratio = statistics.median(ours) / statistics.median(peers)
        rows.append(
            [
                kind,
                f"{statistics.median(ours) / cores:,.0f}",
                f"{statistics.median(peers) / cores:,.0f}",
                f"{ratio:.2f}",
                verdict(ratio >= DECODE_GOAL, f"{DECODE_GOAL}"),
                f"{statistics.median(again) / statistics.median(peers):,.0f}",
            ]
        )
    header = [
        "images/s a core",
        "ours",
        "ImageFolder",
        "ours over it",
        "goal",
        "ours over it, from the second start",
    ]
    return table(header, rows)


def config(folder: Path) -> DataConfig:
    return DataConfig(source=str(folder), image_size=(SIDE, SIDE), channels=3)


def load_with_image_folder(folder: Path) -> None:
    steps = transforms.Compose(
        [transforms.Resize(SIDE), transforms.CenterCrop(SIDE), transforms.PILToTensor()]
    )
    images = datasets.ImageFolder(str(folder), steps)
    loader = torch.utils.data.DataLoader(images, BATCH, shuffle=True, num_workers=os.cpu_count() or 1)
    assert sum(len(batch) for batch, _ in loader) == len(images)


def make_pictures(folder: Path, n: int, size: tuple[int, int], ending: str) -> None:
    """Colour pictures in two classes, of ``DISTINCT`` different contents."""
    random = np.random.default_rng(0)
    height, width = size
    for number in range(min(n, DISTINCT)):
        coarse = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8))
        smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
        noisy = (smooth + random.normal(0, 8, smooth.shape)).clip(0, 255).astype(np.uint8)
        path = folder / str(number % 2) / f"{number:05d}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noisy).save(path, quality=90)
    made = sorted(folder.rglob(f"*.{ending}"))
    for number in range(len(made), n):
        content = made[number % len(made)].read_bytes()
        (folder / str(number % 2) / f"{number:05d}.{ending}").write_bytes(content)


START = """
import sys, time
from pathlib import Path
from ddpm.config import Config
from ddpm.training_data import open_training_data
started = time.perf_counter()
config = Config.build({"data": {"source": sys.argv[1]}})
open_training_data(config, Path(sys.argv[2])).images.batch(0, 64)
print(time.perf_counter() - started)
"""
PEER_START = """
import sys, time, torch
from torchvision import datasets, transforms
started = time.perf_counter()
steps = transforms.Compose([transforms.Resize(64), transforms.CenterCrop(64), transforms.PILToTensor()])
images = datasets.ImageFolder(sys.argv[1], steps)
next(iter(torch.utils.data.DataLoader(images, 64, shuffle=True, num_workers=2)))
print(time.perf_counter() - started)
"""


def starts(place: Path, files: int) -> str:
    """Seconds until the first batch of a large folder, in processes that have imported what they need."""
    folder = place / "many"
    make_pictures(folder, files, (SIDE, SIDE), "png")
    first = told(START, folder, place / "kept many")
    second = told(START, folder, place / "kept many")
    peer = told(PEER_START, folder, place)
    row = [f"{files:,} PNGs of {SIDE}x{SIDE}", f"{first:.1f} s", f"{second:.1f} s", f"{peer:.1f} s"]
    goal = verdict(second < START_GOAL, f"under {START_GOAL:.0f} s after the first")
    header = ["first batch of a folder", "the first time", "after it", "ImageFolder and DataLoader", "goal"]
    note = (
        "The first time every file is decoded, which finds the broken ones; ImageFolder decodes the first batch alone. "
        "After it all images are read into memory from what was kept.\n\n"
        "A JPEG is decoded at a half of its size or less where twice the pixels asked for are left of its sides; JPEGs "
        "of 178x218 are too small for that, and most of their time is the decoding that both leave to Pillow."
    )
    return f"{table(header, [[*row, goal]])}\n\n{note}"


def told(program: str, *arguments: Path) -> float:
    here = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(here)},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


if __name__ == "__main__":
    raise SystemExit(main())
