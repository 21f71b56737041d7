"""The Fréchet distance between two sets of features, each taken as a Gaussian of its mean and covariance."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Gaussian(NamedTuple):
    """A mean [d] and a covariance [d, d]."""

    mean: Floats
    covariance: Floats


def gaussian_of(features: Floats) -> Gaussian:
    """The Gaussian with the mean and covariance of features [n, d]."""
    return Gaussian(features.mean(axis=0), np.cov(features, rowvar=False))


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """Squared: |mean_a - mean_b|^2 + trace(cov_a + cov_b - 2 (cov_a cov_b)^(1/2)) (Dowson & Landau 1982, eq. 4)."""
    # cov_a cov_b has the eigenvalues of the symmetric root_a cov_b root_a, which are real even where a feature is the
    # same in all images and its covariance is therefore singular.
    root_a = _symmetric_root(a.covariance)
    eigenvalues = np.linalg.eigvalsh(root_a @ b.covariance @ root_a)
    trace_of_root = np.sqrt(eigenvalues.clip(min=0)).sum()
    shift = a.mean - b.mean
    return float(shift @ shift + np.trace(a.covariance) + np.trace(b.covariance) - 2 * trace_of_root)


def _symmetric_root(matrix: Floats) -> Floats:
    eigenvalues, vectors = np.linalg.eigh(matrix)
    root: Floats = (vectors * np.sqrt(eigenvalues.clip(min=0))) @ vectors.T
    return root
