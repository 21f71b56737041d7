"""How good the images of each sampler are at some numbers of steps, from the weights of one run on MNIST.

    python benchmarks/sampler_quality.py RUN --data-root DIR [--n 512] [--rows "ddpm 1000,dpm++2m 20"]

A small convolutional classifier is trained on the real training images first. For every row it prints the
classifier's mean top-class probability and the Frechet distance of its 64 inner features to those of the real images,
beside the same figures for real images that neither the classifier nor the run has seen (MNIST's test set).
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from scipy import linalg
from torch import Tensor, nn
from torch.nn import functional as F

from ddpm.checkpoint import find_checkpoint
from ddpm.config import DataConfig
from ddpm.data import to_unit
from ddpm.datasets import load_images
from ddpm.generate import draw, load_network
from ddpm.runs import Run
from ddpm.sample_config import SampleConfig
from ddpm.sources import idx

ROWS = "ddpm 1000,ddpm 250,ddim 50,ddim 20,euler-ancestral 20,heun 10,dpm++2m 20,dpm++2m 10,dpm++2m-sde 20"
FEATURES = 64


class Classifier(nn.Module):
    """Grey images [B, 1, 28, 28] to features [B, 64] and ten logits."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 32, 5, stride=2, padding=2)
        self.second = nn.Conv2d(32, 64, 5, stride=2, padding=2)
        self.features = nn.Linear(64 * 7 * 7, FEATURES)
        self.out = nn.Linear(FEATURES, 10)

    def look(self, images: Tensor) -> Tensor:
        x = F.gelu(self.second(F.gelu(self.first(images))))
        return F.gelu(self.features(x.flatten(1)))

    def forward(self, images: Tensor) -> Tensor:
        return self.out(self.look(images))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="directory of a run on MNIST")
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--n", type=int, default=512)
    parser.add_argument("--rows", default=ROWS, help=f"sampler and steps, comma-separated (default {ROWS})")
    given = parser.parse_args()
    real = load_images(DataConfig(source="mnist"), given.data_root)
    unseen = unseen_images(given.data_root)
    classifier = trained(to_unit(torch.as_tensor(real.images)), torch.as_tensor(real.labels))
    reference = statistics(classifier, torch.as_tensor(real.images[:10_000]))
    print(f"{'images':24} {'top class':>10} {'Frechet':>10}")
    show("real, unseen", classifier, reference, unseen[: given.n])
    run = Run(given.run)
    network = load_network(run, find_checkpoint(run.checkpoints_path, None))
    for row in given.rows.split(","):
        sampler, steps = row.split()
        sample = SampleConfig(sampler=sampler, steps=int(steps), n=given.n, batch_size=256)
        *_, last = draw(network, sample)
        show(row, classifier, reference, last.x_t)
    return 0


def unseen_images(data_root: Path) -> Tensor:
    """MNIST's test images, uint8 [10000, 1, 28, 28]."""
    found = [
        path for path in data_root.rglob("t10k-images-idx3-ubyte*") if "fashion" not in str(path).lower()
    ]
    if not found:
        raise SystemExit(f"there is no t10k-images-idx3-ubyte below {data_root}")
    return torch.as_tensor(idx.read_idx(found[0], 3)[:, None])


def trained(images: Tensor, labels: Tensor) -> Classifier:
    torch.manual_seed(0)
    classifier = Classifier()
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=1e-3)
    for positions in torch.randperm(len(images)).split(128):
        loss = F.cross_entropy(classifier(images[positions]), labels[positions])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return classifier.eval()


@torch.no_grad()
def statistics(classifier: Classifier, images: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of the features of uint8 images, in float64."""
    features = torch.cat([classifier.look(to_unit(part)) for part in images.split(1000)]).double().numpy()
    return features.mean(axis=0), np.cov(features, rowvar=False)


def frechet_distance(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> float:
    root = linalg.sqrtm(a[1] @ b[1])
    return float(((a[0] - b[0]) ** 2).sum() + np.trace(a[1] + b[1] - 2 * root.real))


@torch.no_grad()
def show(name: str, classifier: Classifier, reference: tuple[np.ndarray, np.ndarray], images: Tensor) -> None:
    top = classifier(to_unit(images)).softmax(1).amax(1).mean().item()
    distance = frechet_distance(reference, statistics(classifier, images))
    print(f"{name:24} {top:10.3f} {distance:10.2f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
