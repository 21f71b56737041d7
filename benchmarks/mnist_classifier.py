"""A judge of drawn digits: a small classifier trained on real MNIST, and the Fréchet distance of its inner features."""

from dataclasses import dataclass
from pathlib import Path

import torch
from frechet import Gaussian, frechet_distance, gaussian_of
from torch import Tensor, nn
from torch.nn import functional as F

from ddpm.config import DataConfig
from ddpm.data import to_unit
from ddpm.datasets import load_images
from ddpm.sources import idx

FEATURES = 64
AT_ONCE = 1000


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


@dataclass(frozen=True)
class Figures:
    """``distance`` to the real training images; ``top_class``: the mean probability of each image's likeliest class."""

    distance: float
    top_class: float


@dataclass(frozen=True, eq=False)
class Judge:
    """The classifier, and what its features of the real training images are like."""

    classifier: Classifier
    real: Gaussian

    @torch.no_grad()
    def figures(self, images: Tensor) -> Figures:
        """What is measured of uint8 images [N, 1, 28, 28]."""
        top = torch.cat([self.classifier(to_unit(part)).softmax(1).amax(1) for part in images.split(AT_ONCE)])
        return Figures(frechet_distance(self.real, features_of(self.classifier, images)), float(top.mean()))


def trained_judge(source: str, data_root: Path) -> Judge:
    """A judge trained for one pass over the training images of ``source``, "mnist" or another set of its form."""
    real = load_images(DataConfig(source=source), data_root)
    images = torch.as_tensor(real.images)
    classifier = trained(images, torch.as_tensor(real.labels))
    return Judge(classifier, features_of(classifier, images))


def trained(images: Tensor, labels: Tensor) -> Classifier:
    """The classifier after one pass over uint8 images; the same every time with the same number of threads."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        classifier = Classifier()
        optimizer = torch.optim.AdamW(classifier.parameters(), lr=1e-3)
        for positions in torch.randperm(len(images)).split(128):
            loss = F.cross_entropy(classifier(to_unit(images[positions])), labels[positions])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return classifier.eval()


@torch.no_grad()
def features_of(classifier: Classifier, images: Tensor) -> Gaussian:
    """What the features of uint8 images are like, in float64."""
    features = torch.cat([classifier.look(to_unit(part)) for part in images.split(AT_ONCE)])
    return gaussian_of(features.double().numpy())


def unseen_images(data_root: Path, n: int) -> Tensor:
    """n of MNIST's test images, uint8 [n, 1, 28, 28], drawn once: their first half is easier than the second.

    Raises FileNotFoundError where they are not below ``data_root``.
    """
    found = [
        path for path in data_root.rglob("t10k-images-idx3-ubyte*") if "fashion" not in str(path).lower()
    ]
    if not found:
        raise FileNotFoundError(f"There is no t10k-images-idx3-ubyte below {data_root}.")
    images = torch.as_tensor(idx.read_idx(found[0], 3)[:, None])
    return images[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:n]]
