"""Make digits.npz from scikit-learn's copy of the data set. Run by hand; nothing needs it at run time.

python assets/make_digits.py
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

BRIGHTEST = 16


def main() -> None:
    digits = load_digits()
    images = np.rint(digits.images * (255 / BRIGHTEST)).astype(np.uint8)[:, None]
    target = Path(__file__).with_name("digits.npz")
    np.savez_compressed(target, images=images, labels=digits.target.astype(np.uint8))
    print(f"{target}: {images.shape} {images.dtype}, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
